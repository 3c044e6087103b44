"""The figures of this project, as ratios or times measured in one run: `make bench`.

    make bench                       all of it, each for a short while
    make bench ARGS="link charts"    only these
    make bench FULL=1 ARGS=resident  as long, or as much, as the figure to reach asks for

    part      what it measures                                              minutes   with FULL=1
    link      a QoS 1 publish of a node against stock umqtt.simple              0.5
    memory    the heap of a node with three sensors                             0.5
    sizes     flash, heap and start of the node and its link, as .py and .mpy   0.5
    flash     the wear and the time of the readings that a node keeps           0.5
    faults    five nodes under every fault of network, broker and host          3
    ingest    broker -> committed rows, against mosquitto_sub and Node-RED      4             8
    rollcall  one command to 200 real nodes                                     1
    classroom from nothing to thirty named nodes on the wall                    1
    storm     300 nodes whose broker is away for three seconds                  1
    flood     what one node at 1,000 readings a second costs the others         1             3
    latency   sample -> browser, alone and with 30 more viewers                 2             5
    resident  memory of the dashboard while millions of readings come           1            10
    charts    each range of the charts on a year of 100 nodes                   3            12
    browser   frames per second of the wall with 500 nodes                      2             6

The times are those of two shared cores. ingest installs Node-RED into .bench once (npm, two minutes more);
latency and browser need chromium. What is absent is named, and the rest goes on. None of this is a test: a figure
says what it was measured on and how busy that was, and people judge it.
"""

import importlib
import sys

from bench import machine

PARTS = (
    "link",
    "memory",
    "sizes",
    "flash",
    "faults",
    "ingest",
    "rollcall",
    "classroom",
    "storm",
    "flood",
    "latency",
    "resident",
    "charts",
    "browser",
)


def main() -> None:
    print(machine.name())
    for part in sys.argv[1:] or PARTS:
        print(f"\n{part}, {machine.load()}")
        for line in importlib.import_module(f"bench.{part}").run():
            print("  " + line, flush=True)


if __name__ == "__main__":
    main()
