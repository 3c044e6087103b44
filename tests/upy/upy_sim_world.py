"""The simulated world: it changes by itself, differs from node to node, and obeys its script and its stdin."""

import asyncio
import os
import sys
import time

import machine
from director import Director
from script import load_script
from world import World, dice, parse

_ROOT = __file__.rsplit("/", 3)[0]
SCRIPT = "/tmp/fleet_upy_world.json"


def room(seed="ada", noise=0):
    """(world, hands): its clock stands still until `hands["ms"]` is changed."""
    hands = {"ms": 0}
    return World(seed, lambda: hands["ms"], noise), hands


def refusal(call, *args):
    try:
        call(*args)
    except ValueError as error:
        return str(error)
    raise AssertionError("accepted: " + repr(args))


def button(world):
    pin = machine.Pin(37, machine.Pin.IN, machine.Pin.PULL_UP)
    world.buttons = {"button-a": (pin, True)}
    return pin


def test_a_day_goes_by_in_ten_minutes():
    world, hands = room()
    seen = []
    for minute in range(11):
        hands["ms"] = minute * 60000
        seen.append(world.temp())
        assert 5 < world.temp() < 40 and 0 < world.hum() < 100 and 950 < world.press() < 1060
    assert max(seen) - min(seen) > 3, seen
    assert abs(seen[0] - seen[10]) < 0.01, seen


def test_nodes_differ_and_the_same_seed_is_the_same_world():
    ada, _ = room("ada")
    bob, _ = room("bob")
    again, _ = room("ada")
    assert ada.temp() == again.temp() and ada.press() == again.press()
    assert abs(ada.temp() - bob.temp()) > 0.01
    throw = dice(1)
    assert all([0 <= throw() < 1 for _ in range(1000)])


def test_what_is_set_stays_until_auto():
    world, hands = room(noise=1)
    curve = world.temp()
    for line in ("set temp 30", "set hum 40", "set press 990"):
        world.apply(line)
    hands["ms"] = 100000
    assert (world.temp(), world.hum(), world.press()) == (30, 40, 990)
    world.apply("auto")
    hands["ms"] = 0
    assert abs(world.temp() - curve) < 0.1


def test_a_shake_ends():
    world, hands = room()
    world.apply("shake 2000")
    assert max([abs(world.accel()[0]) for _ in range(20)]) > 0.5
    hands["ms"] = 2000
    assert world.accel() == (0, 0, 1) and world.gyro() == (0, 0, 0)
    world.apply("tilt 1 0 -0.5")
    assert world.accel() == (1, 0, -0.5)


def test_a_button_goes_down_and_up_again():
    world, _ = room()
    pin = button(world)
    world.apply("press button-a")
    assert pin.value() == 0
    world.apply("release button-a")
    assert pin.value() == 1
    assert world.apply("tap button-a 300") == [(300, "release button-a")]
    assert pin.value() == 0


def test_a_line_that_makes_no_sense_is_refused_with_a_sentence():
    world, _ = room()
    button(world)
    for line in (
        "",
        "set",
        "set temp",
        "set temp x",
        "set wind 3",
        "tilt 1 2",
        "shake soon",
        "press",
        "jump",
        "life maybe",
    ):
        assert refusal(parse, line)
    assert "goes from" in refusal(parse, "set hum 101")
    assert "button-a" in refusal(world.apply, "press button-z")


def test_a_director_says_what_was_wrong_and_goes_on():
    world, _ = room()
    said = []
    director = Director(world, said.append)
    director.obey(b"set temp nonsense\n")
    director.obey(b"\xff\xfe")
    director.obey("set temp 12")
    assert len(said) == 2 and said[0].startswith("world: ") and world.temp() == 12, said


async def test_a_script_runs_at_its_times_and_repeats():
    script = [[0, "set temp 10"], [40, "set temp 20"], [80, "repeat"]]
    start = time.ticks_ms()
    world = World("s", lambda: time.ticks_diff(time.ticks_ms(), start), 0)
    director = Director(world, print, script=script)
    task = asyncio.create_task(director.run())
    seen = []
    while len(seen) < 5:
        assert time.ticks_diff(time.ticks_ms(), start) < 3000, seen
        temp = world.fixed.get("temp")
        if temp is not None and (not seen or seen[-1] != temp):
            seen.append(temp)
        await asyncio.sleep_ms(1)
    task.cancel()
    assert seen == [10, 20, 10, 20, 10], seen


async def test_a_tap_is_let_go_by_the_director():
    start = time.ticks_ms()
    world = World("s", lambda: time.ticks_diff(time.ticks_ms(), start), 0)
    pin = button(world)
    director = Director(world, print)
    task = asyncio.create_task(director.run())
    await asyncio.sleep_ms(5)
    director.obey("tap button-a 30")
    assert pin.value() == 0
    while pin.value() == 0:
        assert time.ticks_diff(time.ticks_ms(), start) < 2000
        await asyncio.sleep_ms(1)
    assert time.ticks_diff(time.ticks_ms(), start) >= 30
    task.cancel()


def test_with_life_somebody_presses_and_shakes_without_it_nobody_does():
    for life in (True, False):
        world, hands = room("life")
        pin = button(world)
        presses, shakes = [], []
        pin.irq(lambda p, presses=presses: presses.append(1), machine.Pin.IRQ_FALLING)
        director = Director(world, print, life=life)
        for second in range(600):
            hands["ms"] = second * 1000
            director._do_due()
            shakes.append(world.shaking())
        pin.irq(None)
        assert (5 <= len(presses) <= 60) if life else not presses, len(presses)
        assert (True in shakes) == life


def listens(shell):
    """What a process says whose stdin is made by the `shell` line; the program says each temperature it sees."""
    program = "/tmp/fleet_upy_listen.py"
    with open(program, "w") as file:
        file.write(LISTENER.replace("ROOT", _ROOT))
    out = "/tmp/fleet_upy_listen.txt"
    micropython = os.getenv("FLEET_MICROPYTHON") or sys.executable or "micropython"
    os.system(shell.replace("LISTEN", "'" + micropython + "' " + program + " >" + out + " 2>&1"))
    with open(out) as file:
        said = file.read().split()
    os.remove(program)
    os.remove(out)
    return said


LISTENER = """
import sys
sys.path[0:0] = ["ROOT/node", "ROOT/node/sim"]
import asyncio, time
from fleet_node import boards
board = boards.load("", {"node": "ada", "sensors": []})
async def main():
    tasks = {name: asyncio.create_task(run()) for name, run in board.tasks(None)}
    last = None
    worst = 0
    start = before = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < 1500:
        worst = max(worst, time.ticks_diff(time.ticks_ms(), before))
        before = time.ticks_ms()
        now = board.world.fixed.get("temp")
        if now != last:
            print(int(now))
            last = now
        await asyncio.sleep_ms(5)
    print("free" if worst < 300 else "stalled")
    print("ended" if tasks["sim-stdin"].done() else "listening")
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("quit")
"""


def test_stdin_may_be_a_pipe_and_half_a_line_does_not_hold_the_loop():
    said = listens("(echo set temp 5; sleep 0.3; printf 'set te'; sleep 0.5; echo mp 7; sleep 1) | LISTEN")
    assert said == ["5", "7", "free", "listening"], said


def test_stdin_may_be_a_file_whose_last_line_has_no_end():
    lines = "printf 'rubbish\\n\\nset hum 200\\nset temp 12' >/tmp/fleet_upy_lines; "
    said = listens(lines + "LISTEN </tmp/fleet_upy_lines; rm /tmp/fleet_upy_lines")
    assert said.count("world:") == 2 and said[-3:] == ["12", "free", "ended"], said


def test_stdin_may_be_nothing():
    assert listens("LISTEN </dev/null") == ["free", "ended"]
    assert listens("LISTEN <&-") == ["free", "ended"]


def test_quit_is_a_clean_goodbye():
    assert listens("echo quit | LISTEN") == ["quit"]


def test_a_script_file_is_checked_before_the_start():
    def check(text):
        with open(SCRIPT, "w") as file:
            file.write(text)
        return load_script(SCRIPT)

    good = '[[0, "set temp 30"], [500, "tap button-a"], [1000, "repeat"]]'
    assert len(check(good)) == 3
    for wrong in (
        "{",
        "{}",
        "[1]",
        "[[0]]",
        '[["0", "auto"]]',
        '[[0, "fly"]]',
        '[[0, "repeat"]]',
        '[[500, "repeat"], [600, "auto"]]',
    ):
        assert SCRIPT in refusal(check, wrong)
    os.remove(SCRIPT)
    assert "there is no" in refusal(load_script, SCRIPT)
