# The alarm of the room: one node is too warm, and a whole group buzzes until somebody presses a button.
import asyncio
import json
import time

from skeleton import Node

with open("config.json") as file:
    config = json.load(file)
LIMIT = config["limit"]  # degrees
COOL = LIMIT - 1  # who was too warm may be so again after it was cooler than this: no alarm flickers
GROUP = "_" + config["group"]
REPORT_MS = 5000
QUIET = config["quiet"]  # from this hour, to this one: light instead of noise

warm = set()  # who is over the limit
alarm = None  # of whom, until somebody presses a button
number = 0  # of the commands; every id is used once
answered = set()  # who obeyed the alarm that is on


def is_quiet(hour):
    begin, end = QUIET
    return begin <= hour < end if begin <= end else hour >= begin or hour < end


def measured(who, temp):
    global alarm
    if temp < COOL:
        warm.discard(who)
    elif temp >= LIMIT and who not in warm:
        warm.add(who)
        alarm = who
        answered.clear()
        print("alarm:", who, "is at", temp, "C")
        node.event("alarm", "alarm")


def pressed(who):
    global alarm
    if alarm:
        print("quiet:", who, "has seen to", alarm)
        alarm = None
        node.event("alarm", "quiet")


def obeyed(who, ack):
    if alarm and str(ack.get("id")).startswith("alarm-") and who not in answered:
        answered.add(who)
        print(who, "buzzes" if ack["cmd"] == "buzz" else "blinks", "(%s)" % ack["st"])


def hear(who, kind, name, message):
    if message.get("hist"):
        return  # told late: what was once is no alarm, and no button of now
    if kind == "tele" and message["v"].get("temp") is not None:
        measured(who, message["v"]["temp"])
    elif kind == "event" and message["event_type"] == "press":
        pressed(who)
    elif kind == "ack":
        obeyed(who, message)


async def call():
    """Calls the group every second while there is an alarm."""
    global number
    while True:
        if alarm:
            number += 1
            id = "alarm-%s-%d" % (node.boot, number)
            if is_quiet(time.localtime()[3]):
                node.command(GROUP, "led", {"id": id, "ms": 500})
            else:
                node.command(GROUP, "buzz", {"id": id, "ms": 400, "hz": 1500})
        await asyncio.sleep_ms(1000)


async def report():
    """How many are too warm, for the wall; it also shows that we live."""
    while True:
        node.reading("room", {"warm": len(warm)})
        await asyncio.sleep_ms(REPORT_MS)


has = {"sensors": {"room": {"warm": ["/", "nodes"]}}, "inputs": {"alarm": ["alarm", "quiet"]}, "period": REPORT_MS}
node = Node(config, hear, ["+/tele/+", "+/event/+", "+/ack"], **has)


async def main():
    asyncio.create_task(node.run())
    asyncio.create_task(report())
    await call()


asyncio.run(main())
