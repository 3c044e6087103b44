"""The clock of an M5StickC PLUS 2: kept by its chip, set by the host, asked of a real server."""

import asyncio
import os

import machine
from devices.bm8563 import BM8563 as Chip

from fleet_node.boards import bm8563, clock

NOON = (2026, 11, 29, 6, 12, 30, 59, 0)
ANSWER = b"HTTP/1.1 200 OK\r\ndate: Sun, 29 Nov 2026 12:30:59 GMT\r\nserver: x\r\n\r\n"


class Board:
    def __init__(self):
        self.us = 0
        self.device = Chip(None, lambda: self.us)
        self.device.power_on()
        machine.bus(6).clear()
        machine.bus(6)[bm8563.ADDRESS] = self.device
        self.chip = bm8563.BM8563(machine.I2C(6))
        self.set = []
        self.said = []

    def datetime(self, when):
        """What is asked of machine.RTC."""
        self.set.append(when)

    def clock(self, port=1):
        return clock.Clock(self.chip, self, {"host": "127.0.0.1", "http": port}, self.said.append)


async def listen(answer):
    """(port, server) on a port that is free."""
    while True:
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        try:
            return port, await asyncio.start_server(answer, "127.0.0.1", port)
        except OSError:
            pass


def test_a_chip_that_had_no_power_knows_nothing():
    board = Board()
    assert board.chip.read() is None
    board.clock().wake()
    assert board.set == [] and board.said == []


def test_the_chip_counts_on_over_the_hour_and_the_month():
    board = Board()
    board.chip.set(NOON)
    assert board.chip.read() == NOON
    board.us += 2 * 1000000
    assert board.chip.read() == (2026, 11, 29, 6, 12, 31, 1, 0)
    board.chip.set((2026, 12, 31, 3, 23, 59, 59, 0))
    board.us += 1000000
    assert board.chip.read()[:3] == (2027, 1, 1)
    board.device.power_on()
    assert board.chip.read() is None


def test_a_start_takes_the_time_of_the_chip():
    board = Board()
    board.chip.set(NOON)
    board.clock().wake()
    assert board.set == [NOON]
    machine.bus(6).clear()
    board.clock().wake()
    assert len(board.said) == 1 and "no answer" in board.said[0]


async def test_the_host_is_asked_and_both_clocks_are_set():
    board, asked = Board(), []

    async def answer(reader, writer):
        asked.append(await reader.readline())
        writer.write(ANSWER)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    port, server = await listen(answer)
    task = asyncio.create_task(board.clock(port).run(lambda: True, lambda: True))
    for _ in range(3000):
        if board.set:
            break
        await asyncio.sleep_ms(10)
    task.cancel()
    server.close()
    assert board.set == [NOON] and board.chip.read() == NOON, (board.set, board.said)
    assert asked == [b"HEAD / HTTP/1.0\r\n"]


async def test_no_dashboard_is_no_fault():
    assert await Board().clock(1).ask() is None


def test_what_is_no_date_is_refused():
    assert clock.parse(" Sun, 29 Nov 2026 12:30:59 GMT\r\n") == NOON
    for odd in ("", "Sun, 29 Nov 2026 12:30:59 CET", "Sun, 29 Nov 1999 12:30:59 GMT", "x y z 1 2 3", "Sun, 9"):
        try:
            clock.parse(odd)
        except ValueError:
            continue
        raise AssertionError(odd)
