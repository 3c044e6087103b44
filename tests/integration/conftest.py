"""What several files of this folder need."""

from collections.abc import Iterator

import pytest

from support import tiers
from support.board import VirtualBoard, isolation


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    """A virtual board that the tests of one file share."""
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    with VirtualBoard() as board:
        yield board
