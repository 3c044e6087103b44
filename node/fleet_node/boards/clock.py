"""The time of day, for boards with a clock chip: from the chip at the start, and from the host once it can be asked.

Readings need none of it: the host knows when each was taken (docs/topics.md). It is for what a student's program makes
of it, for the dates of files, and so that a board notices a certificate that has ended. The host says the time in the
Date of every HTTP answer of its dashboard; so no Internet, and no NTP, which classrooms often block.
"""

import asyncio

from fleet_node.dial import Dialer

AGAIN_MS = (60000, 600000)  # after no answer or while there is no broker, and else
LOOK_MS = 1000
PATIENCE_MS = 5000
LEAST_YEAR = 2024  # an earlier time is one that nobody set
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_DAYS = "MonTueWedThuFriSatSun"


class Clock:
    """`chip` has read() and set(when); `rtc` is the chip's machine.RTC; `broker` is that of the configuration."""

    def __init__(self, chip, rtc, broker, say):
        self._chip = chip
        self._rtc = rtc
        self._dialer = Dialer(broker["host"], broker["http"])
        self._head = b"HEAD / HTTP/1.0\r\nHost: " + broker["host"].encode() + b"\r\n\r\n"
        self._say = say

    async def run(self, is_joined, is_up):
        self.wake()
        while True:
            while not is_joined():
                await asyncio.sleep_ms(LOOK_MS)
            when = await self.ask()
            if when:
                self._rtc.datetime(when)
                self._keep(when)
            await asyncio.sleep_ms(AGAIN_MS[1 if when and is_up() else 0])

    def wake(self):
        """At the start: the time that the chip kept, if it did."""
        try:
            when = self._chip.read()
        except OSError as error:
            return self._say("clock: no answer: " + str(error))
        if when and when[0] >= LEAST_YEAR:
            self._rtc.datetime(when)

    async def ask(self):
        """The host's time as machine.RTC takes it, or None."""
        try:
            return await asyncio.wait_for_ms(self._ask(), PATIENCE_MS)
        except (OSError, ValueError, IndexError, asyncio.TimeoutError):
            return None
        finally:
            self._dialer.close()

    async def _ask(self):
        stream = asyncio.StreamReader(await self._dialer.open())
        await self._dialer.greet(self._head)
        for _ in range(32):
            line = (await stream.readline()).decode()
            if line[:5].lower() == "date:":
                return parse(line[5:])
            if not line.strip():
                return None

    def _keep(self, when):
        try:
            self._chip.set(when)
        except OSError as error:
            self._say("clock: cannot be set: " + str(error))


def parse(text):
    """(year, month, day, weekday, hours, minutes, seconds, 0) of `Sun, 06 Nov 1994 08:49:37 GMT`; ValueError if it is
    none, or long ago."""
    weekday, day, month, year, clock, zone = text.split()
    hour, minute, second = [int(part) for part in clock.split(":")]
    when = (int(year), _MONTHS.index(month) // 3 + 1, int(day), _DAYS.index(weekday[:3]) // 3, hour, minute, second, 0)
    if zone != "GMT" or when[0] < LEAST_YEAR:
        raise ValueError
    return when
