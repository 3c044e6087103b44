"""Run by MicroPython: upy_memory.py NODE_FOLDER; prints the heap in bytes that each layer of an idle node holds."""

import gc
import sys

node = sys.argv[1]
sys.path[0:0] = [node, node + "/lib"]
config = {"node": "bench", "sensors": ["sht4x", "bmp280", "mpu6886"]}


def held():
    gc.collect()
    return gc.mem_alloc()


start = held()
from fleet_node import config as reader  # noqa: E402

full = reader.load()
full["node"] = "bench"
full["sensors"] = config["sensors"]
reading = held()
from fleet_node import boards  # noqa: E402

board = boards.load("", full)
simulation = held()
boards.load = lambda name, config: board
from fleet_node import app  # noqa: E402

program = app.Node(full)
node_held = held()
print(reading - start + node_held - simulation, simulation - reading)
