"""A node that notes when it tries to connect and when it is in: micropython upy_storm_node.py NODE_FOLDER/main.py

It is node/main.py and nothing else, but for three lines among its words: `storm try NODE TICK`, `storm in NODE TICK`,
in ms of the machine's monotonic clock so that many nodes have one time, and `storm wait NODE MS`.
"""

import sys
import time

main = sys.argv[1]
folder = main.rsplit("/", 1)[0]
sys.path[0:1] = [folder, folder + "/lib"]

from fleet_node import app, config, dial  # noqa: E402

open_connection, link_up, link_down = dial.Dialer.open, app.Node.link_up, app.Node.link_down
settings = config.load()


async def noted_open(self):
    print("storm try", settings["node"], time.ticks_ms())
    return await open_connection(self)


def noted_link_up(self):
    print("storm in", settings["node"], time.ticks_ms())
    link_up(self)


def noted_link_down(self, reason, wait_ms):
    print("storm wait", settings["node"], wait_ms)
    link_down(self, reason, wait_ms)


dial.Dialer.open, app.Node.link_up, app.Node.link_down = noted_open, noted_link_up, noted_link_down
app.run(settings)
