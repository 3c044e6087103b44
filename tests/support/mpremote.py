"""The unmodified mpremote on a virtual board."""

import os
import subprocess
import sys

from support.board import VirtualBoard


def command(board: VirtualBoard, *words: str) -> list[str]:
    return [sys.executable, "-m", "mpremote", "connect", board.port, *words]


def environment(board: VirtualBoard) -> dict[str, str]:
    # Unbuffered, or what it prints and what the board prints come in another order.
    return {"PATH": os.environ["PATH"], "HOME": str(board.folder), "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}


def mpremote(board: VirtualBoard, *words: str, code: int | None = 0, editor: str = "false") -> str:
    """What it printed; `code` is the exit code that it must have, None any."""
    words_env = {**environment(board), "EDITOR": editor}
    done = subprocess.run(
        command(board, *words), env=words_env, capture_output=True, text=True, timeout=60, check=False
    )
    told = f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\nthe board: {bytes(board.output[-2000:])!r}"
    assert code in (done.returncode, None), told
    return done.stdout + done.stderr
