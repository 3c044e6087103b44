"""mpremote's own test scripts pass against the virtual board, but for what is named here."""

import difflib

import pytest

from fleet_tools import fetch_source
from support import mpremote_scripts, tiers
from support.board import VirtualBoard, isolation

# script -> what differs from the expected output, and nothing else may
EXCEPTIONS = {
    # This build of MicroPython (12 July 2026) writes such letters of a repr as escapes; the firmware of 1.29 does not.
    "test_unicode.sh": ["-'日本語'", "+'\\u65e5\\u672c\\u8a9e'"],
}


@pytest.mark.parametrize("name", mpremote_scripts.names())
def test_a_script_of_mpremote_prints_what_it_prints_with_a_board(name: str) -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    folder = mpremote_scripts.source()
    if folder is None:  # a file of somebody else, which no run of ours may depend on
        pytest.skip(f"{fetch_source.URL} cannot be reached")
    wanted = (folder / f"{name}.exp").read_text(encoding="utf-8")
    with VirtualBoard() as board:
        printed = mpremote_scripts.run(board, folder / name)
    lines = difflib.unified_diff(wanted.splitlines(), printed.splitlines(), lineterm="", n=0)
    differs = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    assert differs == EXCEPTIONS.get(name, []), printed
