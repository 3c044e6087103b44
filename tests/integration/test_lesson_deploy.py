"""Lesson 9 as its README says it: installed and copied to a board that then starts by itself, and the way back. And
what wifi.py says when there is no network."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from fleet_tools.workshop_alone import Alone
from fleet_tools.workshop_check import Check
from fleet_tools.workshop_run import Trouble
from support import tiers
from support.board import VirtualBoard
from support.workshop import CHECK_DOES, PATIENCE, port_8000, typed, typing

LESSON = lessons.find("deploy")
PROMPT = b">>> "
BACK = ["mpremote exec \"import os; os.rename('main.py', 'off.py')\"", "mpremote reset"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy")
    LESSON.lay("solution.py", folder)
    (folder / "wifi.json").write_text(json.dumps({"ssid": "lab", "password": "secret123"}))
    return folder


def test_a_board_that_nothing_was_copied_to_is_told_so(board: VirtualBoard, tmp_path: Path) -> None:
    """And nothing is written to it."""
    LESSON.lay("solution.py", tmp_path)
    assert why_not(board, tmp_path) == "it has no main.py"


def why_not(board: VirtualBoard, folder: Path) -> str:
    with pytest.raises(Trouble) as caught:
        Alone(folder, folder / "log", port=board.port).start()
    return caught.value.came


def test_what_is_typed_puts_it_onto_a_board_where_it_starts_by_itself_and_stays(
    board: VirtualBoard, folder: Path
) -> None:
    lines = [line for line in typed(LESSON) if line not in CHECK_DOES]
    assert lines == [
        "mpremote mip install package.json",
        "mpremote fs cp *.py *.json :",
        "mpremote fs cp -r microdot :lib/",
        "mpremote fs ls",
        "mpremote reset",
        *BACK,
    ]
    with port_8000():
        said = [typing(line, folder, board.port) for line in lines[:4]]
        assert "Installing: /lib/microdot/microdot.py" in said[0]
        for name in ("main.py", "wifi.json", "loose_sensor.py"):
            assert name in said[3]
        starts = board.starts
        typing(lines[4], folder, board.port)
        board.wait_for_start(starts + 1)
        board.expect(b"serving on http://127.0.0.1:8000", within_s=60)
        shutil.rmtree(folder / "microdot")  # from now on the board has to use what mip has installed
        checked = Check(LESSON, folder, port=board.port, patience=PATIENCE)
        assert checked.run() is None, checked.output
        typing("mpremote exec pass", folder, board.port)  # it goes on, and would keep the port

    main = folder / "main.py"
    main.write_text(main.read_text() + "# changed, and not copied\n")
    assert why_not(board, folder) == "it has another main.py"

    typing(BACK[0], folder, board.port)
    files = typing("mpremote fs ls", folder, board.port)
    assert "off.py" in files
    assert "main.py" not in files
    said, starts = len(board.output), board.starts
    typing(BACK[1], folder, board.port)
    board.wait_for_start(starts + 1)
    deadline = time.monotonic() + 60
    while PROMPT not in board.output[said:]:
        assert time.monotonic() < deadline, bytes(board.output[said:])
        time.sleep(0.05)
    assert b"serving" not in board.output[said:]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What wifi.py says on a simulated radio, for each wifi.json: all at the same time, for a radio is slow."""
    program = "import sys; sys.path.append({!r}); import asyncio, wifi, network; network.chip({!r})\n{}"
    sync = "print(wifi.connect())"
    later = "print(asyncio.run(wifi.join()))"
    cases = {
        "right": ("esp32", '{"ssid": "lab", "password": "secret123"}', later),
        "right, at once": ("rp2", '{"ssid": "lab", "password": "secret123"}', sync),
        "password": ("esp32", '{"ssid": "lab", "password": "secret"}', later),
        "password of a Pico": ("rp2", '{"ssid": "lab", "password": "secret"}', sync),
        "name": ("esp32", '{"ssid": "lap", "password": "secret123"}', sync),
        "name of a Pico": ("rp2", '{"ssid": "lab-5GHz", "password": "secret123"}', later),
        "none": ("esp32", None, sync),
        "no JSON": ("esp32", "ssid = lab", later),
    }
    running = {}
    for name, (chip, text, how) in cases.items():
        folder = tmp_path_factory.mktemp("wifi")
        lessons.copy_part("wifi.py", folder)
        if text is not None:
            (folder / "wifi.json").write_text(text)
        command = [str(tiers.micropython()), "-c", program.format(str(tiers.NODE / "sim"), chip, how)]
        running[name] = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    return {name: process.communicate(timeout=60)[0] for name, process in running.items()}


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("right", "127.0.0.1"),
        ("right, at once", "127.0.0.1"),
        ("password", "is the password in wifi.json right?"),
        ("password of a Pico", "is the password in wifi.json right?"),
        ("name", "no such Wi-Fi is near"),
        ("name of a Pico", "is it one of 2.4 GHz?"),
        ("none", "there is no wifi.json"),
        ("no JSON", "wifi.json is not JSON"),
    ],
)
def test_wifi_says_what_is_in_the_way(told: dict[str, str], case: str, sentence: str) -> None:
    assert sentence in told[case]
