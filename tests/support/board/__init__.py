"""A board without a board: MicroPython's Unix port on a pty, with flash of its own, that an unmodified mpremote takes
for one. What is not modelled: USB that goes away and comes back, timing, real RAM limits, interrupts, Wi-Fi."""

from support.board.board import VirtualBoard
from support.board.isolation import NotIsolated

__all__ = ["NotIsolated", "VirtualBoard"]
