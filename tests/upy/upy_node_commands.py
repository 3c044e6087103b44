"""Commands end in one ack each, whatever they are. F-CMD-2, F-CMD-6, F-CMD-7, F-CMD-8, F-CMD-9, F-CMD-10"""

import asyncio
import json
import time

from upy_node_outbox import FakeLink

from fleet_node.actions import Actions
from fleet_node.buttons import SETTLE_MS, Button
from fleet_node.commands import MAX_PENDING, REMEMBERED, Commands
from fleet_node.outbox import Outbox
from fleet_node.pause import Pause
from fleet_node.sampler import POWER_UP_MS, Sampler
from fleet_node.spool import Spool
from fleet_node.uptime import Uptime


class Settings:
    name, groups, period, seen = "Ada", ["red"], 1000, []
    broken = False

    def change(self, key, value):
        setattr(self, key, value)
        if self.broken:
            raise OSError(28)

    def keep_seen(self, ids):
        self.change("seen", ids)


class Out:
    """A LED or a buzzer that remembers what it was set to."""

    def __init__(self):
        self.log = []

    def value(self, value):
        self.log.append(value)

    freq = value

    def duty_u16(self, duty):
        if not duty:
            self.log.append(0)


class Board:
    def __init__(self, bare):
        self.led, self.buzzer = (None, None) if bare else (Out(), Out())
        self.said = []

    def say(self, text):
        self.said.append(text)


class Bench:
    """The command side of a node, without sensors and network."""

    def __init__(self, bare=False, jitter=0):
        self.jump_ms = 0
        uptime = Uptime(lambda: time.ticks_add(time.ticks_ms(), self.jump_ms), time.ticks_diff)
        self.outbox = Outbox("fleet", "ada", Spool("9f3a", None, uptime, 50, 30000), uptime)
        self.link = self.outbox.link = FakeLink()
        self.settings = Settings()
        self.board = Board(bare)
        self.changes = []
        self.faults = []
        self.playing = None
        self.uptime = uptime
        self.pauses = []  # what the status said of a pause
        self.pause = Pause(uptime, lambda: self.pauses.append(self.pause.left()))
        self.actions = Actions(
            self.board, self.settings, uptime, self.pause, self.changes.append, self.reborn, self.reset
        )
        config = {"base": "fleet", "node": "ada", "jitter": jitter}
        self.commands = Commands(
            config, self.settings, self.actions.handlers, self.outbox, uptime, self.fault, lambda: 0.5
        )

    def reborn(self):
        self.changes.append("rebirth")

    def reset(self):
        self.changes.append("reset")

    def fault(self, where, error):
        self.faults.append((where, error))

    def acks(self):
        return [json.loads(payload) for topic, payload, _ in self.link.sent if topic.endswith(b"/ack")]

    def ask(self, name, payload=b"{}", target="ada"):
        before = len(self.acks())
        self.commands.take(b"fleet/1/" + target.encode() + b"/cmd/" + name.encode(), payload)
        acks = self.acks()[before:]
        assert len(acks) == 1, acks
        for pid in list(self.outbox._sent):
            self.outbox.acked(pid)
        return acks[0]


def test_what_is_done_and_what_runs_on():
    bench = Bench()
    assert bench.ask("echo", b"hello")["re"] == "hello"
    assert bench.ask("period", b"500")["re"] == 500
    assert bench.ask("rebirth")["st"] == "done"
    assert bench.ask("led", b"false")["st"] == "done"
    assert bench.ask("buzz", b"{}")["st"] == "ok"
    assert bench.ask("reset")["st"] == "ok"
    assert bench.changes == ["period", "rebirth", "reset"]


def test_the_ack_has_the_id_of_the_command_also_of_a_bad_one():
    bench = Bench()
    assert bench.ask("echo", b'{"id":"c7f2"}')["id"] == "c7f2"
    bad = bench.ask("period", b'{"id":"c7f3","ms":"soon"}')
    assert (bad["id"], bad["st"]) == ("c7f3", "bad")
    assert bench.ask("dance", b'{"id":"c7f4"}')["id"] == "c7f4"
    assert "id" not in bench.ask("echo", b"x")
    assert "id" not in bench.ask("echo", b'{"id":"no good id!"}')
    assert bench.commands.bad == 2


def test_a_repeated_id_is_dup_until_it_is_forgotten():
    bench = Bench()
    assert bench.ask("name", b'{"id":"a","name":"One"}')["st"] == "done"
    assert bench.ask("name", b'{"id":"a","name":"Two"}')["st"] == "dup"
    assert bench.settings.name == "One"
    for i in range(REMEMBERED):
        bench.ask("echo", b'{"id":"x%d"}' % i)
    assert bench.ask("name", b'{"id":"a","name":"Two"}')["st"] == "done"
    assert len(bench.commands.seen) == REMEMBERED


def test_what_was_refused_may_be_tried_again_under_its_id():
    bench = Bench()
    bench.ask("mute", b"60")
    assert bench.ask("buzz", b'{"id":"b"}')["st"] == "muted"
    bench.ask("mute", b"0")
    assert bench.ask("buzz", b'{"id":"b"}')["st"] == "ok"
    assert bench.ask("buzz", b'{"id":"b"}')["st"] == "dup"


def test_a_board_without_led_and_buzzer_says_so():
    bench = Bench(bare=True)
    for name in ("buzz", "led", "identify"):
        ack = bench.ask(name, b"{}")
        assert (ack["st"], "this board has no" in ack["err"]) == ("fail", True), ack
    assert [name for name, _ in bench.actions.tasks()] == ["pause"]


def test_a_handler_that_breaks_is_acked_fail_and_reported():
    bench = Bench()
    bench.actions.handlers["echo"] = lambda args: 1 // 0
    ack = bench.ask("echo", b'{"id":"f"}')
    assert (ack["st"], ack["id"]) == ("fail", "f")
    assert "ZeroDivisionError" in ack["err"]
    assert bench.faults[0][0] == "command echo"


def test_a_change_that_cannot_be_kept_is_made_and_said():
    bench = Bench()
    bench.settings.broken = True
    ack = bench.ask("period", b"700")
    assert (ack["st"], bench.settings.period, bench.changes) == ("fail", 700, ["period"])
    assert "lost at the next reset" in ack["err"]


def test_illegal_topics_are_counted_and_a_group_that_was_left_is_not_obeyed():
    bench = Bench()
    for topic in (
        b"",
        b"fleet/1/ada/cmd",
        b"fleet/1/ada/cmd/NO",
        b"fleet/2/ada/cmd/echo",
        b"\xff\xfe",
        b"fleet/1/ada/tele/x",
    ):
        bench.commands.take(topic, b"x")
    bench.commands.take(b"fleet/1/_blue/cmd/echo", b"x")
    assert (bench.commands.bad, bench.acks()) == (6, [])
    assert bench.ask("echo", b"x", "_red")["st"] == "done"


def test_an_empty_payload_clears_a_retained_command_and_is_none_itself():
    bench = Bench()
    for name in bench.actions.handlers:
        bench.commands.take(b"fleet/1/_all/cmd/" + name.encode(), b"")
    assert (bench.acks(), bench.board.led.log, bench.board.buzzer.log, bench.changes) == ([], [], [], [])


def test_too_many_commands_at_once_are_answered_busy():
    bench = Bench()
    bench.link.room = 0  # nothing leaves
    for _ in range(MAX_PENDING):
        bench.commands.take(b"fleet/1/ada/cmd/echo", b"x")
    assert bench.acks() == []
    bench.commands.take(b"fleet/1/ada/cmd/name", b'{"id":"late","name":"Never"}')
    assert [(ack["st"], ack["id"]) for ack in bench.acks()] == [("busy", "late")]
    assert bench.settings.name == "Ada"


def test_random_bytes_are_answered_and_never_raise():
    import random

    random.seed(7)
    bench = Bench()
    for name in bench.actions.handlers:
        for _ in range(60):
            raw = bytes([random.getrandbits(8) for _ in range(1 + random.getrandbits(5))])
            bench.ask(name, raw)
            bench.ask(name, b'{"id":' + raw + b"}")
            bench.link.sent.clear()
    assert bench.faults == []


async def test_acks_to_many_wait_and_those_to_one_do_not():
    bench = Bench(jitter=100)  # random() is 0.5
    asyncio.create_task(bench.commands.run())
    began = time.ticks_ms()
    bench.commands.take(b"fleet/1/_all/cmd/echo", b"many")
    bench.commands.take(b"fleet/1/ada/cmd/echo", b"one")
    assert [ack["re"] for ack in bench.acks()] == ["one"]
    while len(bench.acks()) < 2:
        await asyncio.sleep_ms(1)
        assert time.ticks_diff(time.ticks_ms(), began) < 2000
    assert 45 <= time.ticks_diff(time.ticks_ms(), began) < 500
    many = bench.acks()[1]
    assert many["up"] <= bench.acks()[0]["up"] + 5  # when it was obeyed, not when it was told


async def play(bench, until, within_ms=2000):
    """Let the players run until something is so; the ms it took."""
    if not bench.playing:
        bench.playing = [asyncio.create_task(task()) for _, task in bench.actions.tasks()]
    began = time.ticks_ms()
    while not until():
        await asyncio.sleep_ms(1)
        assert time.ticks_diff(time.ticks_ms(), began) < within_ms, (bench.board.led.log, bench.board.buzzer.log)
    return time.ticks_diff(time.ticks_ms(), began)


async def test_a_tune_is_played_note_by_note_and_ends_in_silence():
    bench = Bench()
    bench.ask("buzz", b'{"tune":"a4:30 -:30 c5:30"}')
    took = await play(bench, lambda: len(bench.board.buzzer.log) >= 4)
    assert bench.board.buzzer.log == [440, 0, 523, 0]
    assert 85 <= took < 400, took


async def test_a_new_buzz_replaces_the_one_being_played_and_mute_ends_it():
    bench = Bench()
    bench.ask("buzz", b'{"hz":1000,"ms":10000}')
    await play(bench, lambda: bench.board.buzzer.log == [1000])
    bench.ask("buzz", b'{"hz":2000,"ms":10000}')
    await play(bench, lambda: bench.board.buzzer.log == [1000, 2000])
    bench.ask("mute", b"5")
    await play(bench, lambda: bench.board.buzzer.log == [1000, 2000, 0])


async def test_a_led_goes_off_by_itself_or_stays_on():
    bench = Bench()
    bench.ask("led", b'{"on":true,"ms":40}')
    assert 35 <= await play(bench, lambda: bench.board.led.log == [1, 0]) < 400
    bench.ask("led", b"true")
    await play(bench, lambda: bench.board.led.log == [1, 0, 1])
    await asyncio.sleep_ms(100)
    assert bench.board.led.log == [1, 0, 1]
    bench.ask("led", b"false")
    await play(bench, lambda: bench.board.led.log == [1, 0, 1, 0])


def test_a_mute_of_long_ago_does_not_begin_again_when_the_ticks_wrap():
    bench = Bench()
    bench.ask("mute", b"60")
    for _ in range(8):  # days, with something happening on each
        bench.jump_ms += 24 * 3600 * 1000
        assert bench.ask("say", b"hello")["st"] == "done"


async def test_a_mute_ends_by_itself():
    bench = Bench()
    bench.ask("mute", b"1")
    assert bench.ask("say", b"hush")["st"] == "muted"
    began = time.ticks_ms()
    while bench.ask("say", b"hello")["st"] == "muted":
        await asyncio.sleep_ms(20)
        assert time.ticks_diff(time.ticks_ms(), began) < 3000
    assert time.ticks_diff(time.ticks_ms(), began) >= 900
    assert bench.board.said == ["hello"]


async def test_a_pause_is_told_at_its_beginning_its_change_and_its_end():
    bench = Bench()
    task = asyncio.create_task(bench.pause.run())
    assert bench.ask("pause")["re"] == 60
    await asyncio.sleep_ms(50)
    assert bench.pauses == [60]
    bench.ask("pause", b"1")
    while len(bench.pauses) < 3:
        await asyncio.sleep_ms(20)
    assert bench.pauses == [60, 1, 0]
    bench.ask("pause", b"300")
    await asyncio.sleep_ms(50)
    bench.ask("pause", b"0")
    while len(bench.pauses) < 5:
        await asyncio.sleep_ms(20)
    assert bench.pauses == [60, 1, 0, 300, 0]
    await asyncio.sleep_ms(250)
    assert len(bench.pauses) == 5, "a pause that is over is told once"
    task.cancel()


def test_a_pause_of_long_ago_does_not_begin_again_when_the_ticks_wrap():
    bench = Bench()
    bench.ask("pause", b"60")
    assert bench.pause.left() == 60
    for _ in range(10):
        bench.jump_ms += 1 << 28
        assert bench.pause.left() == 0


def test_a_pause_refuses_no_command():
    bench = Bench()
    bench.ask("pause", b"60")
    assert bench.ask("echo", b"still here")["re"] == "still here"
    assert bench.ask("buzz", b"20")["st"] == "ok"
    assert bench.ask("pause", b'{"id":"p","s":3601}')["st"] == "bad"
    assert bench.pause.left() == 60


class Thermometer:
    """A driver without a bus."""

    FIELDS = {"temp": ["Cel", "temperature"]}
    ADDRESSES = (1,)
    reads = 0

    def __init__(self, i2c, address, sleep_ms):
        pass

    async def probe(self):
        pass

    async def read(self):
        Thermometer.reads += 1
        return {"temp": 21.5}


async def test_a_paused_sampler_leaves_its_sensor_alone_and_goes_on_after_it():
    bench, put = Bench(), []
    bench.settings.period = 100
    sampler = Sampler(
        "t", Thermometer, None, bench.settings, bench.uptime, bench.pause.left, lambda *what: put.append(what), print
    )
    bench.ask("pause", b"1")
    task = asyncio.create_task(sampler.run())
    await asyncio.sleep_ms(POWER_UP_MS + 400)
    assert put == [] and Thermometer.reads == 0
    while not put:
        await asyncio.sleep_ms(20)
    assert bench.pause.left() == 0
    bench.ask("pause", b"60")
    await asyncio.sleep_ms(150)
    before = len(put)
    await asyncio.sleep_ms(350)
    assert len(put) == before
    task.cancel()


class Touch:
    """A button's pin; its edges are made by hand."""

    IRQ_FALLING, IRQ_RISING = 1, 2
    level = 1

    def irq(self, handler, trigger):
        self.edge = handler

    def value(self):
        return self.level

    async def move(self, level):
        self.level = level
        self.edge(self)
        await asyncio.sleep_ms(3 * SETTLE_MS)


async def test_a_paused_button_reports_nothing_not_even_the_release_of_a_press_that_was_not_reported():
    bench, pin, told = Bench(), Touch(), []
    button = Button("a", pin, True, bench.uptime, bench.pause.left, lambda *what: told.append(what[2]))
    task = asyncio.create_task(button.run())
    await asyncio.sleep_ms(20)
    bench.ask("pause", b"60")
    await pin.move(0)
    await pin.move(1)
    await pin.move(0)
    bench.ask("pause", b"0")
    await pin.move(1)
    assert told == []
    await pin.move(0)
    await pin.move(1)
    assert [(one["event_type"], one["n"]) for one in told] == [("press", 1), ("release", 2)]
    task.cancel()
