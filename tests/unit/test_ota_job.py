"""Who is offered a new program when, and how a roll-out ends; and that a node checks what the host signs."""

import hashlib
import hmac
import importlib.util
from pathlib import Path

import pytest

from fleet_schema import ota
from fleet_tools.errors import FleetError
from fleet_tools.ota_image import Image
from fleet_tools.ota_job import Job, JobFolder, Row, stages
from support import tiers

NODES = [f"n{number}" for number in range(30)]
ONLINE = set(NODES)


def job(nodes: list[str] = NODES, online: set[str] = ONLINE, *, max_failures: int = 1, at_once: bool = False) -> Job:
    made = Job(7, "0.2.0", max_failures, 600.0)
    made.rows = stages(nodes, online, at_once=at_once)
    return made


def offered(one: Job, now: float = 0.0) -> list[str]:
    rows = one.to_offer(now)
    for row in rows:
        row.offered = True
    return [row.node for row in rows]


def end(one: Job, nodes: list[str], state: str = "SUCCEEDED") -> None:
    for node in nodes:
        one.said(node, "IN_PROGRESS", "", 1.0)
        one.said(node, state, "", 2.0)
    one.tick(ONLINE, 3.0)


def test_first_one_node_then_a_tenth_then_all() -> None:
    one = job()
    one.tick(ONLINE, 0.0)
    counts = []
    while not one.done:
        nodes = offered(one)
        counts.append(len(nodes))
        end(one, nodes)
    assert counts == [1, 2, 27]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 11])
def test_few_nodes_have_stages_too(count: int) -> None:
    one = job(NODES[:count])
    one.tick(ONLINE, 0.0)
    seen = []
    while not one.done:
        nodes = offered(one)
        assert nodes, "nobody is next, and it is not done"
        seen += nodes
        end(one, nodes)
    assert sorted(seen) == sorted(NODES[:count])


def test_a_node_that_is_there_is_the_first_and_one_that_is_not_holds_nobody_up() -> None:
    one = job(["away", "here", "there"], {"here", "there"})
    one.tick({"here", "there"}, 0.0)
    assert offered(one) == ["here"]
    end(one, ["here"])
    one.tick({"here", "there"}, 3.0)
    assert "there" in offered(one)


def test_the_first_failure_stops_it_and_nobody_else_is_offered_anything() -> None:
    one = job()
    one.tick(ONLINE, 0.0)
    end(one, offered(one), "FAILED")
    assert offered(one) == []
    assert one.done
    assert {row.st for row in one.rows} == {"FAILED", "CANCELED"}
    assert one.over == "stopped after 1 failure"


def test_so_many_failures_are_allowed_as_were_asked_for() -> None:
    one = job(at_once=True, max_failures=3)
    one.tick(ONLINE, 0.0)
    end(one, ["n1", "n2"], "FAILED")
    assert not one.over
    end(one, ["n3"], "REJECTED")
    assert one.over


def test_a_node_that_does_not_end_is_timed_out_and_what_it_says_later_counts() -> None:
    one = job(["ada"], {"ada"}, max_failures=9)
    one.said("ada", "IN_PROGRESS", "", 1.0)
    one.tick({"ada"}, 602.0)
    row = one.row("ada")
    assert row is not None
    assert row.st == "TIMED_OUT"
    assert one.said("ada", "SUCCEEDED", "", 700.0)
    assert row.st == "SUCCEEDED"


def test_a_node_at_work_that_says_nothing_is_asked_again() -> None:
    one = job(["ada"], {"ada"})
    assert offered(one, 1.0) == ["ada"]
    assert offered(one, 100.0) == [], "who never answered has the offer with the broker"
    one.said("ada", "IN_PROGRESS", "", 101.0)
    assert offered(one, 105.0) == []
    assert offered(one, 112.0) == ["ada"]


def test_a_job_comes_back_from_its_folder_as_it_was_saved(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "ota")
    with pytest.raises(FleetError, match="no update over the air"):
        folder.load()
    image = Image.of({"fleet_node/__init__.py": b'VERSION = "0.2.0"\n', "fleet_node/app.py": b"x" * 2000})
    one = job(["ada", "ben"])
    with folder.locked() as ours:
        assert ours
        folder.begin(one, image)
        with folder.locked() as second:
            assert not second
    one.said("ada", "FAILED", "why", 5.0)
    folder.save(one)
    assert folder.load() == one
    assert folder.image() == image
    assert image.version == "0.2.0"
    folder.ask_to_abort()
    assert folder.abort_asked


def test_chunks_are_the_manifest_and_the_files_and_nothing_behind_them() -> None:
    image = Image.of({"b": b"y" * 1000, "a": b"x" * 10})
    assert image.manifest.decode().split()[2::3] == ["a", "b"]
    assert image.chunk(7, 0, 0) == {"job": 7, "at": [0, 0], "b64": image.chunk(7, 0, 0)["b64"]}  # type: ignore[index]
    second = image.chunk(7, 2, ota.CHUNK)
    assert second is not None
    assert len(second["b64"]) == 4 * -(-(1000 - ota.CHUNK) // 3)
    assert [image.chunk(7, *place) for place in ((2, 1000), (3, 0), (9, 9))] == [None, None, None]


@pytest.mark.parametrize("key", [b"k7mx-3xqa-w9dp-tz4n", b"", b"x" * 64, b"x" * 65, b"x" * 200])
def test_the_signature_that_a_node_makes_is_that_of_the_standard_library(key: bytes) -> None:
    spec = importlib.util.spec_from_file_location("signature", tiers.NODE / "fleet_node" / "signature.py")
    assert spec is not None
    assert spec.loader is not None
    signature = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(signature)
    made = signature.hmac(key, b"text")
    assert made == hmac.new(key, b"text", hashlib.sha256).hexdigest()
    assert signature.is_same(made, made)
    for other in (made[:-1], made + "0", made[:-1] + ("0" if made[-1] != "0" else "1"), ""):
        assert not signature.is_same(made, other)


def test_an_offer_for_one_node_is_none_for_another_or_for_another_class() -> None:
    image = Image.of({"a": b"x"})
    every = [image.offer(7, *who, "secret") for who in (("3b", "ada"), ("3b", "ben"), ("4c", "ada"))]
    every.append(image.offer(8, "3b", "ada", "secret"))
    assert len({one["sig"] for one in every}) == 4
    assert [Row("ada", 0).open, Row("ada", 0, "SUCCEEDED").open] == [True, False]


def test_a_program_that_was_changed_after_its_job_began_is_not_offered(tmp_path: Path) -> None:
    Image.of({"fleet_node/app.py": b"one", "fleet_node/link.py": b"two"}).save(tmp_path)
    (tmp_path / "files" / "fleet_node" / "link.py").write_bytes(b"too")
    with pytest.raises(FleetError, match=r"fleet_node/link\.py of the job .* was changed"):
        Image.load(tmp_path)
