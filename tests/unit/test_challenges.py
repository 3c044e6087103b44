"""Challenges as files: the built-in ones, one's own, bad ones with one sentence, and the tallies they make."""

import itertools
import os
import re
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_dashboard.catalogue import Catalogue
from fleet_dashboard.challenge import MAX_SENTENCE, Challenge, ChallengeError, Question, parse
from fleet_dashboard.tally import Answer, Event, Longest, Reaction, Spread, tally

GOOD = 'title = "T"\nrule = "R"\nkind = "round"\n[score]\nevent = "press"\ntake = "count"\n'
DOCS = Path(__file__).parents[2] / "docs" / "challenges.md"


def press(up: int, n: int = 1, kind: str = "press", boot: int = 1, input: str = "button-a") -> Event:
    return Event(boot, input, kind, n, up, up)


def test_at_least_eight_are_built_in_and_all_are_good(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "none")
    assert catalogue.refresh()
    assert catalogue.problems == []
    assert len(catalogue.challenges) >= 8
    assert not catalogue.refresh(), "nothing changed"
    assert "answer" not in str(catalogue.view()).replace("your answer", ""), "no page is told what is right"


def test_a_file_is_picked_up_replaced_and_taken_away_without_a_restart(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    catalogue.refresh()
    own = tmp_path / "mine.toml"
    own.write_text(GOOD)
    assert catalogue.refresh()
    assert catalogue.challenges["mine"].title == "T"
    own.write_text(GOOD.replace('"T"', '"Two"'))
    assert catalogue.refresh()
    assert catalogue.challenges["mine"].title == "Two"
    own.unlink()
    assert catalogue.refresh()
    assert "mine" not in catalogue.challenges
    (tmp_path / "sprint.toml").write_text(GOOD)
    assert catalogue.refresh()
    assert catalogue.challenges["sprint"].title == "T", "one's own replaces the built-in one"


def test_a_bad_file_is_one_sentence_and_its_last_good_version_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    (tmp_path / "other.toml").write_text(GOOD)
    catalogue = Catalogue(tmp_path)
    catalogue.refresh()
    (tmp_path / "mine.toml").write_text("title = ")
    (tmp_path / "huge.toml").write_text("#" * 20_000)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "Bad Name.toml").write_text(GOOD)
    (tmp_path / "folder.toml").mkdir()
    assert catalogue.refresh()
    assert {"mine", "other", "sprint"} <= set(catalogue.challenges)
    assert {problem["file"] for problem in catalogue.problems} == {
        *("mine.toml", "huge.toml", "bytes.toml", "Bad Name.toml", "folder.toml")
    }
    assert all(problem["text"].startswith(problem["file"]) for problem in catalogue.problems)
    assert all("\n" not in problem["text"] for problem in catalogue.problems)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "T"\n', "", "title is missing"),
        ('"T"', '"' + "x" * 33 + '"', "1 to 32 characters"),
        ('"T"', '"a\\u0007b"', "1 to 32 characters"),
        ('kind = "round"', 'kind = "game"', "kind is 'game'; it is one of round, standing"),
        ('kind = "round"', 'kind = "round"\nsecnds = 3', "did you mean 'seconds'?"),
        ('kind = "round"', 'kind = "round"\nseconds = 1', "seconds is 1; it is a whole number from 3 to 3600"),
        ('kind = "round"', 'kind = "round"\nseconds = true', "seconds is True"),
        ('take = "count"', 'take = "most"', "it is one of count, longest, reaction, answer"),
        ('event = "press"', 'event = "press"\nquantity = "shake"', "exactly one of event, quantity and delivery"),
        ('event = "press"', 'event = "Press!"', "it is a name"),
        ('event = "press"', "delivery = true", 'needs kind = "standing"'),
        ('take = "count"', 'take = "count"\nunit = "°C"', "unit is ASCII"),
        ('take = "count"', 'take = "answer"\n[quiz]\nby = ["button-a"]', "2 to 6 different inputs"),
        ('take = "count"', 'take = "answer"\n[[quiz.questions]]\ntext = "?"\noptions = ["a"]\nanswer = 1', "2 to 6"),
        (
            'take = "count"',
            'take = "answer"\n[[quiz.questions]]\ntext = "?"\noptions = ["a", "b"]\nanswer = 3',
            "answer is 3; it is a whole number from 1 to 2",
        ),
        ("[score]", "[[score]]", "[score] is a table"),
    ],
)
def test_a_mistake_is_said_with_what_would_be_right(old: str, new: str, expected: str) -> None:
    parse("mine", GOOD)
    assert old in GOOD
    with pytest.raises(ChallengeError) as refusal:
        parse("mine", GOOD.replace(old, new))
    assert expected in str(refusal.value)


@pytest.mark.parametrize("bound", ["true", '"high"', "nan", "inf", "9" * 40])
def test_a_bound_is_a_number(bound: str) -> None:
    good = GOOD.replace('event = "press"', 'quantity = "energy"').replace('"count"', '"last"')
    assert parse("mine", good + "least = -1.5\nmost = 9\n").most == 9
    with pytest.raises(ChallengeError, match="it is a number of at most 1,000,000,000"):
        parse("mine", f"{good}most = {bound}\n")


def refusal(text: str) -> str:
    """What is said of it; nothing if it is good."""
    try:
        parse("mine", text)
    except ChallengeError as error:
        return str(error)
    return ""


tomlish = st.from_regex(r'(title|kind|\[score\]|event|\[\[quiz.questions\]\]|=|"|\n|\{|\[| )*', fullmatch=True)


@given(st.text() | tomlish)
def test_no_text_does_more_than_say_what_is_wrong(text: str) -> None:
    for said in (refusal(text), refusal(GOOD + text)):
        assert "\n" not in said
        assert len(said) <= MAX_SENTENCE


LITERALS = [
    "1",
    "-1",
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "[[]]",
    "[1]",
    "1.5",
    "nan",
    "1979-05-27",
    '["a",1]',
    "{a=1}",
    "999999999999999999999999999",
]
KEYS = "title rule kind order seconds countdown teams score signal quiz other"
INNER = "event quantity delivery take input sensor samples least most best unit digits by questions ms hz"


def tables(keys: str) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(keys.split(" ")), st.sampled_from(LITERALS))


@given(tables(KEYS), tables(INNER), st.sampled_from(["score", "signal", "quiz"]))
def test_no_value_of_another_kind_does_either(top: dict[str, str], table: dict[str, str], name: str) -> None:
    top.pop(name, None)
    score = {"event": '"press"', "take": '"reaction"' if name == "signal" else '"answer"'}
    lines = [f"{key} = {value}" for key, value in {"title": '"T"', "rule": '"R"', "kind": '"round"', **top}.items()]
    if name == "score":
        table = {**({} if "quantity" in table else score), **table}
    elif "score" not in top:
        lines += ["[score]", *(f"{key} = {value}" for key, value in score.items())]
    lines += [f"[{name}]", *(f"{key} = {value}" for key, value in table.items())]
    assert len(refusal("\n".join(lines))) <= MAX_SENTENCE


@pytest.mark.parametrize("text", ["a = " + "[" * 10_000, "a = " + "9" * 5000, '"a\\nb" = 1', "a = 2026-99-99"])
def test_what_confuses_a_reader_of_toml_is_a_sentence_too(text: str) -> None:
    with pytest.raises(ChallengeError):
        parse("mine", text)


def test_a_file_with_a_name_that_is_no_text_is_named_all_the_same(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\n.toml")).write_text(GOOD)
    catalogue = Catalogue(tmp_path)
    catalogue.refresh()
    assert catalogue.problems[0]["file"] == "??.toml"
    orjson.dumps(catalogue.view())


def of(take: str, **more: str) -> Challenge:
    return parse("mine", GOOD.replace('"count"', f'"{take}"') + "".join(f"{k} = {v}\n" for k, v in more.items()))


def test_the_longest_press_is_measured_in_any_order_and_never_across_a_gap() -> None:
    events = [press(1000, 1), press(1900, 2, "release"), press(5000, 3), press(6200, 4, "long")]
    events += [press(7500, 5, "release"), press(8000, 7), press(20_000, 10, "release"), press(30_000, 8, boot=2)]
    for order in itertools.islice(itertools.permutations(events), 0, 40320, 97):
        longest = Longest()
        for event in order:
            longest.event(event)
        assert longest.score() == 2500


@pytest.mark.parametrize(
    ("presses", "score", "foul"),
    [
        ([10_300], 300, None),
        ([10_900, 10_250], 250, None),
        ([9_000, 10_300], None, "false start"),
        ([10_040], None, "false start: 40 ms is faster than anyone reacts"),
        ([], None, None),
    ],
)
def test_a_reaction_is_from_the_nodes_own_signal_and_too_early_is_out(
    presses: list[int], score: int | None, foul: str | None
) -> None:
    for order in (0, 1):
        own = Reaction(100)
        if order:
            own.go(1, 10_000)
        for up in presses:
            own.event(press(up))
            own.event(press(up - 5000, boot=2))
        if not order:
            assert own.score() is None, "nobody knows yet when its signal was"
            own.go(1, 10_000)
        own.go(1, 10_200)
        assert (own.score(), own.foul()) == (score, foul)


def test_a_node_that_could_not_give_the_signal_is_named() -> None:
    own = Reaction(100)
    own.refuse("muted")
    assert own.foul() == "no signal there: muted"
    own.go(1, 5)
    assert own.foul() is None


def test_a_quiz_counts_presses_or_takes_the_first_button_and_speed_counts() -> None:
    question = Question("?", ("a", "b", "c"), 1)
    by_number = Answer(question, (), 0, 10_000)
    assert (by_number.score(), by_number.choice) == (None, None)
    by_number.event(press(4000, 3))
    by_number.event(press(2000, 1))
    assert (by_number.score(), by_number.choice) == (800, 1)
    by_number.event(press(5000, 5))
    assert (by_number.score(), by_number.choice) == (0, 2)
    by_button = Answer(question, ("button-a", "button-b"), 0, 10_000)
    by_button.event(press(3000, input="button-c"))
    by_button.event(press(6000, input="button-a"))
    assert by_button.score() == 0
    by_button.event(press(1000, input="button-b"))
    assert by_button.score() == 950, "the earlier one, though it came later"


def test_the_steadiest_hand_is_judged_on_all_axes_and_needs_enough_samples() -> None:
    still, turning = Spread(3), Spread(3)
    for step in range(3):
        assert still.score() is None
        still.reading((0.0, 0.0, 9.8), step)
        turning.reading((9.8 * (step % 2), 0.0, 9.8 * ((step + 1) % 2)), step)
    assert still.score() == 0
    turned = turning.score()
    assert turned is not None
    assert turned > 5


def test_every_take_has_a_tally() -> None:
    assert type(tally(of("count"))).__name__ == "Count"
    assert isinstance(tally(of("reaction")), Reaction)
    assert isinstance(tally(of("answer"), Question("?", ("a", "b"), 0), 0, 1000), Answer)


def test_the_examples_of_the_documentation_are_good() -> None:
    examples = re.findall(r"^`([a-z0-9-]+)\.toml`:?\n+```toml\n(.*?)```", DOCS.read_text(), re.M | re.S)
    assert len(examples) >= 4
    for name, text in examples:
        parse(name, text)


def test_every_key_that_is_known_is_explained() -> None:
    text = DOCS.read_text()
    keys = "title rule kind order seconds countdown teams event input quantity sensor delivery take samples best unit"
    keys += " least most digits wait_least_ms wait_most_ms ms hz foul_ms by text options answer"
    for key in keys.split():
        assert f"| `{key}` |" in text, key
