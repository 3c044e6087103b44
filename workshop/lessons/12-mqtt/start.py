# One sensor on the shared broker, by hand: all can hear its readings, and it buzzes when it is told to.
import asyncio
import json

import messages
import wifi
from fake_sensor import FakeSensor
from umqtt.simple import MQTTClient

with open("config.json") as file:
    config = json.load(file)
fleet = config["base"] + "/1/"
me = fleet + config["node"]
client = MQTTClient(config["node"], config["host"], config["port"], keepalive=10)
sensor = FakeSensor()


def obey(topic, message):
    command = json.loads(message)
    print("heard", command)
    # TODO: print `BUZZ 300 ms` instead (ms of the command, 300 if it has none), then publish
    # messages.done(command, "buzz") on the topic ack of this node


async def listen():
    while True:
        await asyncio.sleep_ms(50)  # TODO: let client.check_msg() look first: it calls obey if something has come


async def main():
    wifi.connect()
    client.set_callback(obey)
    client.connect()
    client.publish(me + "/status", messages.online(), True)  # True: the broker keeps it for who comes later
    # TODO: subscribe to cmd/buzz of this node, and to that of all: fleet + "_all/cmd/buzz"
    asyncio.create_task(listen())
    while True:
        client.publish(me + "/tele/fake", messages.reading({"temp": sensor.read()}))
        print("said a reading")
        await asyncio.sleep_ms(300)


asyncio.run(main())
