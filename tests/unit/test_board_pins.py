"""The pins of the workshop's boards are those of the node's: one truth, in two places that learners read apart."""

import ast
import json
import re

import pytest

from fleet_tools import workshop_lessons as lessons
from support import tiers

WORKSHOP = lessons.LESSONS / "parts" / "boards"
NODE = tiers.NODE / "fleet_node" / "boards"
# name in boards/NAME.json -> names in fleet_node/boards/NAME.py
SAME = {
    "esp32": {"led": "LED", "button": "BOOT_BUTTON", "buzzer": "BUZZER", "sda": "SDA", "scl": "SCL"},
    "pico_w": {"button": "BUTTON", "buzzer": "BUZZER", "sda": "SDA", "scl": "SCL"},
    "m5stickc_plus2": {
        "hold": "HOLD", "led": "LED", "button": "BUTTON_A", "buzzer": "BUZZER", "sda": "GROVE_SDA", "scl": "GROVE_SCL",
    },
}  # fmt: skip


def pins(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((WORKSHOP / f"{name}.json").read_text())
    return found


def constants(name: str) -> dict[str, object]:
    """NAME = 1 and A, B = 1, 2 at the top of a board's file."""
    found: dict[str, object] = {}
    for line in ast.parse((NODE / f"{name}.py").read_text()).body:
        if isinstance(line, ast.Assign):
            (target,) = line.targets
            try:
                value = ast.literal_eval(line.value)
            except ValueError:
                continue
            if isinstance(target, ast.Tuple):
                found.update(zip([ast.unparse(one) for one in target.elts], value, strict=True))
            else:
                found[ast.unparse(target)] = value
    return found


def test_every_board_of_the_node_has_a_pin_file() -> None:
    names = {path.stem for path in NODE.glob("*.py") if "def create(" in path.read_text()}
    assert {path.stem for path in WORKSHOP.glob("*.json")} == names


@pytest.mark.parametrize("name", SAME)
def test_the_numbers_are_those_of_the_node(name: str) -> None:
    node, workshop = constants(name), pins(name)
    assert {key: workshop[key] for key in SAME[name]} == {key: node[theirs] for key, theirs in SAME[name].items()}
    text = (NODE / f"{name}.py").read_text()
    assert workshop["pull_up"] == bool(re.search(r'"button-a"\] = button\(\w+, Pin.PULL_UP\)', text))
    (bus,) = re.findall(rf"I2C\((\d), s\w\w=Pin\({SAME[name]['sda']}|I2C\((\d), scl=Pin\({SAME[name]['scl']}", text)
    assert workshop["i2c"] == int(bus[0] or bus[1])


def test_what_has_no_name_in_the_node_is_the_same_too() -> None:
    assert f'Pin("{pins("pico_w")["led"]}", Pin.OUT' in (NODE / "pico_w.py").read_text()
    unix = (NODE / "unix.py").read_text()
    for key, found in (("led", r"led = \w+\.Pin\((\d+)"), ("button", r"\(machine.Pin\((\d+), machine.Pin.IN")):
        assert [str(pins("unix")[key])] == re.findall(found, unix)
    assert pins("unix")["buzzer"] == int(re.findall(r"PWM\(machine.Pin\((\d+)", unix)[0])
