"""What a node shows on its screen: name, a value, where it stands, and its best place on the leaderboards of the class.

Only boards with a screen load this. It knows the values from what the node publishes, and the places from the retained
`_host/board/<board>`, which it asks for.
"""

import asyncio
import json
import time

from fleet_node.boards.st7789 import GREEN, PINK, WHITE
from fleet_schema import topics

LOOK_MS = 500
SAID_MS = 10000  # so long a text stays
MOST = 8  # boards and sensors that are remembered
NEXT = "button-b"  # shows the next value


class Screen:
    """`display` has start() and line(y, text, scale, color). The other methods are called by the board."""

    def __init__(self, display, config):
        self._display = display
        self._config = config
        self._readings = {}  # sensor -> payload of its last reading
        self._places = {}  # topic of a board -> (place, title)
        self._turn = 0  # which value is shown
        self._said = ""
        self._said_at = 0
        self._drawn = {}  # y -> what is there
        self._boards = None

    def tasks(self, node, is_joined):
        """`is_joined()`: is there a network?"""
        self._node = self._config["node"]
        self._boards = topics.host_topic(self._config["base"], "board", "x").encode()[:-1] + b"+"
        node.joining.more += (self._boards,)
        return [("screen", lambda: self._run(node, is_joined))]

    def witness(self, kind, name, payload):
        if kind == "tele":
            if name in self._readings or len(self._readings) < MOST:
                self._readings[name] = payload
        elif name == NEXT and b'"press"' in payload:
            self._turn += 1

    def received(self, topic, payload):
        if not self._boards or not topic.startswith(self._boards[:-1]):
            return False
        self._places.pop(topic, None)
        try:
            board = json.loads(payload) if payload else {}
            for place, row in enumerate(board.get("top", ())):
                if row[0] == self._node and len(self._places) < MOST:
                    self._places[topic] = (place + 1, board["title"])
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, MemoryError):
            pass  # a picture of the ranks is not worth a fault
        return True

    def say(self, text):
        self._said = text
        self._said_at = time.ticks_ms()

    async def _run(self, node, is_joined):
        self._drawn.clear()
        await self._display.start()
        while True:
            for y, text, scale, color in self._lines(node, is_joined):
                if self._drawn.get(y) != (text, scale, color):
                    await self._display.line(y, text, scale, color)
                    self._drawn[y] = (text, scale, color)
            await asyncio.sleep_ms(LOOK_MS)

    def _lines(self, node, is_joined):
        """(y, text, scale, color) of every line: 15 letters at scale 2, 6 at scale 5."""
        what, value = self._value()
        state, color = self._state(node, is_joined)
        lines = [(4, node.settings.name, 2, WHITE), (24, value, 5, WHITE), (68, what, 2, WHITE), (92, state, 2, color)]
        if self._said and time.ticks_diff(time.ticks_ms(), self._said_at) < SAID_MS:
            return lines + [(116, self._said[:30], 1, WHITE), (124, self._said[30:60].strip(), 1, WHITE)]
        self._said = ""
        best = min(self._places.values()) if self._places else None
        text = "#%d %s" % best if best else ""
        return lines + [(116, text[:30], 1, GREEN), (124, text[30:60], 1, GREEN)]

    def _value(self):
        """(sensor and field, number) of the one whose turn it is."""
        known = []
        for sensor in self._config["sensors"]:
            values = json.loads(self._readings[sensor])["v"] if sensor in self._readings else {}
            for field in sorted(values, key=lambda name: (name != "temp", name)):
                known.append((sensor + " " + field, values[field]))
        if not known:
            return "", ""
        what, value = known[self._turn % len(known)]
        if value is None:
            return what, "-"
        text = "%.1f" % value
        return what, "0.0" if text == "-0.0" else text if len(text) <= 6 else text.split(".")[0]

    def _state(self, node, is_joined):
        pause = node.pause.left()
        if pause:
            return "pause %d s" % pause, PINK
        if node.link.is_up():
            return ("connected", GREEN) if node.joining.word == "works" else ("not heard yet", PINK)
        return ("no broker" if is_joined() else "no Wi-Fi"), PINK
