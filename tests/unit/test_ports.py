"""What a board's program uses exists in the firmware of its port, as far as that can be told without a board.

The names are those of MicroPython 1.20 to 1.26: extmod/modmachine.c and ports/{esp32,rp2}/modmachine.c, the tables of
modules in ports/{esp32,rp2}/mpconfigport.h, extmod/modnetwork.c, and asyncio, which is the same everywhere. Only
names that the program uses are listed, so a new one has to be looked up before it is added here.
"""

import ast
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.tiers import NODE

BOTH = {
    "array": "array",
    "asyncio": "CancelledError Event StreamReader ThreadSafeFlag TimeoutError create_task current_task run sleep_ms "
    "start_server wait_for wait_for_ms",
    "binascii": "a2b_base64 crc32 hexlify",
    "collections": "OrderedDict",
    "errno": "ECONNREFUSED ECONNRESET EEXIST EINPROGRESS",
    "framebuf": "FrameBuffer MONO_HLSB RGB565",
    "gc": "collect mem_free threshold",
    "hashlib": "sha256",
    "io": "StringIO",
    "json": "dump dumps load loads",
    "machine": "I2C PWM Pin RTC SPI Timer WDT mem32 reset unique_id",
    "network": "STA_IF WLAN",  # country, hostname and STAT_IDLE are asked for by getattr: not in every version
    "os": "ilistdir listdir mkdir remove rename stat urandom",
    "random": "random",
    "select": "POLLERR POLLHUP POLLOUT poll",
    "socket": "AF_INET SOCK_STREAM getaddrinfo socket",
    "struct": "unpack",
    "sys": "exit implementation modules path platform print_exception",
    "time": "gmtime ticks_add ticks_diff ticks_ms",
    "tls": "CERT_REQUIRED PROTOCOL_TLS_CLIENT SSLContext",  # 1.23 and later; only with TLS
    "umqtt": "simple",  # frozen on ESP32, by mip on rp2
}
GUARDED = {("os", "getenv")}  # behind hasattr: a PC has it
OWN = ("fleet_node", "fleet_schema", "slot", "join")
OF_A_BOARD = ("machine", "fleet_node.boards.board")


def sources() -> list[Path]:
    """Of a board: the program, and what starts it."""
    found = [NODE / name for name in ("main.py", "slot.py", "join.py")]
    for folder in ("fleet_node", "fleet_schema"):
        found += sorted((NODE / folder).rglob("*.py"))
    return [path for path in found if path.name != "unix.py"]


def uses(path: Path) -> set[tuple[str, str]]:
    """(module, name) that this file asks of the firmware; name "" for a bare import."""
    tree = ast.parse(path.read_text())
    called: dict[str, str] = {}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                called[alias.asname or alias.name] = alias.name
                found.add((alias.name, ""))
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(node.module, alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in called:
            found.add((called[node.value.id], node.attr))
    return {(module, name) for module, name in found if not module.startswith(OWN)} - GUARDED


def test_every_name_is_one_of_the_firmware() -> None:
    unknown = [
        f"{path.relative_to(NODE)}: {module}.{name}"
        for path in sources()
        for module, name in sorted(uses(path))
        if module not in BOTH or name not in ("", *BOTH[module].split())
    ]
    assert not unknown, f"look these up in both ports: {unknown}"


def test_only_the_parts_of_a_board_touch_the_chip() -> None:
    """So a port's differences are in that folder, and in slot.py."""
    touched = {path for path in sources() if "machine" in dict(uses(path))}
    assert [path.name for path in touched if path.parent.name != "boards"] == ["slot.py"]


@pytest.mark.parametrize("name", ["esp32", "m5stickc_plus2"])
def test_an_esp32_has_no_output_and_no_pull_up_on_pins_34_to_39(name: str) -> None:
    path = NODE / "fleet_node/boards" / f"{name}.py"
    board = load(path, *OF_A_BOARD)
    pulled = re.findall(r"\bbutton\((\w+), ", path.read_text())
    driven = re.findall(r"(?:silent_pwm|Pin)\((\w+)(?:\)|, Pin.OUT)", path.read_text())
    pins = {one: getattr(board, one) for one in pulled + driven if hasattr(board, one)}
    assert pins
    assert max(pins.values()) < 34, pins


def test_the_wires_of_a_pico_are_where_its_chip_has_them() -> None:
    pico = load(NODE / "fleet_node/boards/pico_w.py", *OF_A_BOARD)
    assert (pico.SDA % 4, pico.SCL % 4) == (0, 1), "I2C(0), RP2040 datasheet, table 2"
    assert not {pico.SDA, pico.SCL, pico.BUTTON, pico.BUZZER} & {23, 24, 25, 29}, "these are the radio's"


def load(path: Path, *absent: str) -> Any:
    """The module of this file on CPython, with stand-ins for what only a board has."""
    kept = {name: sys.modules.get(name) for name in absent}
    for name in absent:
        sys.modules[name] = Anything(name)
    try:
        spec = importlib.util.spec_from_file_location("of_a_board", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        for name, before in kept.items():
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before


class Anything(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class Timer:
    """As ports/{esp32,rp2}/machine_timer.c: a Pico has Timer(-1) alone; an ESP32 has hardware timers 0 to 3."""

    ONE_SHOT = 0
    armed: list[dict[str, Any]] = []

    def __init__(self, number: int) -> None:
        if number not in ((-1,) if sys.platform == "rp2" else range(4)):
            raise ValueError("Timer doesn't exist")

    def init(self, **how: Any) -> None:
        Timer.armed.append(how)


@pytest.mark.parametrize("port", ["esp32", "rp2"])
def test_a_program_on_trial_is_guarded_on_both_ports(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = load(NODE / "slot.py")
    machine = ModuleType("machine")
    resets: list[int] = []
    monkeypatch.setattr(machine, "Timer", Timer, raising=False)
    monkeypatch.setattr(machine, "reset", lambda: resets.append(1), raising=False)
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.setattr(sys, "platform", port)
    monkeypatch.setattr(Timer, "armed", [])
    place = f"{tmp_path}/"
    slot.write({"run": "b", "else": "a", "tries": 2}, place)
    assert slot.choose(place) == "b"
    (how,) = Timer.armed
    assert how["period"] == 180_000
    how["callback"](None)
    assert resets == [1]
    assert slot.why(place) == "it hung"
