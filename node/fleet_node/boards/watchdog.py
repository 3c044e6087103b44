"""Feeds the hardware watchdog while the loop turns and every part moves. Loaded only if the configuration asks.

Never from a timer: that would feed it over a dead program. Whoever holds the loop starves it, and the chip resets. A
part that only waits for ever does not hold the loop; so each part counts its turns, and for one that stands still the
node says why, keeps its readings and resets in good order. It is fed no more from then on, in case that hangs as well.
"""

import asyncio
import time

import machine

FEED_MS = 1000
SENSOR_MS = 60000  # a sampler turns every 200 ms, whatever its period
LINK_MS = 60000  # more than the keepalive, in which a good session may be quiet


class Watchdog:
    """`dog` has feed(), as machine.WDT; `node` is the app's Node, whose `resetting` begins a clean reset."""

    def __init__(self, dog, node, config):
        self._dog = dog
        self._node = node
        link = ("link", node.link, LINK_MS + 1000 * config["keepalive"])
        now = time.ticks_ms()
        # [name, what has turns(), patience, the turns that we saw last, and when]
        self._parts = [[one.name, one, SENSOR_MS, None, now] for one in node.samplers] + [list(link) + [None, now]]

    async def run(self):
        while True:
            stuck = self.stuck()
            if stuck:
                self._node.report.warn("watchdog: " + stuck + " stands still, so this node resets")
                self._node.resetting.set()
                return
            self._dog.feed()
            await asyncio.sleep_ms(FEED_MS)

    def stuck(self):
        """The name of a part that has not moved for too long, or None."""
        now = time.ticks_ms()
        for part in self._parts:
            turns = part[1].turns()
            if turns != part[3]:
                part[3], part[4] = turns, now
            elif time.ticks_diff(now, part[4]) > part[2]:
                return part[0]


def tasks(config, node, most_ms=120000):
    """[the task that feeds this chip's watchdog, which bites after `most_ms` at the latest]."""
    dog = machine.WDT(timeout=min(most_ms, 1000 * max(5, config["watchdog"])))
    return [("watchdog", Watchdog(dog, node, config).run)]
