"""Lets pytest collect tests/upy/upy_*.py: each file is one MicroPython process, each function one test."""

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import tiers

RUNNER = Path(__file__).with_name("upy_runner.py")
WITHIN_S = 300  # for a file; the longest takes twenty seconds of a processor that it has for itself


class UpyFile(pytest.File):
    outcome: dict[str, str] | None = None

    def collect(self) -> Iterator["UpyTest"]:
        tree = ast.parse(self.path.read_text(), str(self.path))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                test = UpyTest.from_parent(self, name=node.name)
                test.add_marker(pytest.mark.timeout(WITHIN_S + 20))
                yield test

    def run_once(self) -> dict[str, str]:
        """name -> "" if it passed, else what it printed; the file is run at the first question."""
        if self.outcome is None:
            names = [item.name for item in self.session.items if item.parent is self]
            self.outcome = run_file(self.path, names)
        return self.outcome


def run_file(path: Path, names: list[str]) -> dict[str, str]:
    command = [str(tiers.micropython()), str(RUNNER), str(path), *names]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        check=False,
    )
    outcome: dict[str, str] = {}
    current, said = None, []
    for line in done.stdout.splitlines():
        verdict, _, name = line.partition(" ")
        if verdict in ("ok", "FAIL") and name in names:
            outcome[name] = "" if verdict == "ok" else "\n".join(said)
            current, said = (name if verdict == "FAIL" else None), []
        elif current is not None:
            outcome[current] += line + "\n"
        else:
            said.append(line)
    for name in names:
        outcome.setdefault(name, f"never ran: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return outcome


class UpyTest(pytest.Item):
    def runtest(self) -> None:
        assert isinstance(self.parent, UpyFile)
        said = self.parent.run_once()[self.name]
        if said or said is None:
            raise UpyFailure(said)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"MicroPython: {self.name}"


class UpyFailure(Exception):
    """What the test printed on MicroPython."""
