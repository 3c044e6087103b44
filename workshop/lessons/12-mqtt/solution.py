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
    print("BUZZ", command.get("ms", 300), "ms")
    client.publish(me + "/ack", messages.done(command, "buzz"))


async def listen():
    while True:
        client.check_msg()  # calls obey if something has come
        await asyncio.sleep_ms(50)


async def main():
    wifi.connect()
    client.set_callback(obey)
    client.connect()
    client.publish(me + "/status", messages.online(), True)  # True: the broker keeps it for who comes later
    client.subscribe(me + "/cmd/buzz")
    client.subscribe(fleet + "_all/cmd/buzz")
    asyncio.create_task(listen())
    while True:
        client.publish(me + "/tele/fake", messages.reading({"temp": sensor.read()}))
        print("said a reading")
        await asyncio.sleep_ms(300)


asyncio.run(main())
