"""Drives a simulated world: a script, lines from stdin, and a little life of its own. It decides when, world.py what.

Its two coroutine functions are given to the program that owns the tasks; nothing here starts one.
"""

import asyncio
import sys

from world import REPEAT, parse


class Director:
    def __init__(self, world, say, life=False, script=()):
        """`say` takes text for a person; `script` is a list of (ms since the start, line)."""
        self._world = world
        self._say = say
        self._life = life
        self._agenda = []  # (at_ms, line), unordered and short
        self._script = script
        self._changed = asyncio.Event()
        self._load(world.clock())
        self._next_whim = self._later(8000, 20000)

    async def run(self):
        """Do what is due, for ever."""
        while True:
            self._changed.clear()
            try:
                await asyncio.wait_for_ms(self._changed.wait(), self._do_due())
            except asyncio.TimeoutError:
                pass

    async def listen(self, stream=None):
        """Obey the lines of stdin (a terminal, a pipe or a file) until it ends."""
        reader = asyncio.StreamReader(stream or sys.stdin.buffer)
        line = b""
        while True:
            try:
                char = await reader.read(1)  # one at a time: a longer read blocks until it is complete
            except OSError:  # closed, or a kind of file that cannot be waited for
                return
            if char == b"\n" or not char:
                if line.strip():
                    self.obey(line)
                line = b""
                if not char:
                    return
            elif len(line) < 200:
                line += char

    def obey(self, line):
        """Do one line now; what is wrong with it is said, not raised."""
        try:
            if isinstance(line, bytes):
                line = line.decode()
            verb, args = parse(line)
            if verb == "life":
                self._life = args[0]
                self._next_whim = self._later(0, 2000)
                follow = ()
            else:
                follow = self._world.apply(line)
        except ValueError as error:
            self._say("world: " + str(error))
            return
        now = self._world.clock()
        for after_ms, line in follow:
            self._agenda.append((now + after_ms, line))
        self._changed.set()

    def _do_due(self):
        """ms until something is due next, at most 1000."""
        now = self._world.clock()
        due = [entry for entry in self._agenda if entry[0] <= now]
        due.sort(key=lambda entry: entry[0])
        for entry in due:
            self._agenda.remove(entry)
            if entry[1] == REPEAT:
                self._load(entry[0])
            else:
                self.obey(entry[1])
        if self._life and now >= self._next_whim:
            self._whim()
        soonest = now + 1000
        for entry in self._agenda:
            soonest = min(soonest, entry[0])
        return max(1, soonest - now)

    def _load(self, start_ms):
        for at_ms, line in self._script:
            self._agenda.append((start_ms + at_ms, line))

    def _whim(self):
        """Somebody passes by: presses a button (now and then long), or shakes the board."""
        chance = self._world.chance
        self._next_whim = self._later(15000, 75000)
        if chance() < 0.3:
            self.obey("shake " + str(int(800 + 2000 * chance())))
        for name in self._world.buttons:
            self.obey("tap " + name + " " + str(1500 if chance() < 0.2 else 120))

    def _later(self, low_ms, high_ms):
        return self._world.clock() + int(low_ms + (high_ms - low_ms) * self._world.chance())
