"""tests/vectors/*.json as pytest parameters. docs/topics.md says what their keys mean."""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "vectors"
Case = dict[str, Any]


def cases(file: str) -> list[Case]:
    return json.loads((FOLDER / file).read_text())


def params(found: list[Case]) -> list[Any]:
    return [pytest.param(case, id=f"{case.get('kind', case.get('command', ''))}: {case['name']}") for case in found]


def raw_of(case: Case) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


def rules_of(case: Case) -> list[str]:
    """The rules of which one is named when this case is refused: two JSON readers may stop at different places."""
    if case["rule"] is None:
        return []
    return case["rule"] if isinstance(case["rule"], list) else [case["rule"]]


def covered(case: Case) -> set[str]:
    """The rules that this case is a test of."""
    return {*rules_of(case), *([case["shows"]] if "shows" in case else [])}
