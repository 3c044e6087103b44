"""What the broker drops is told, with what to do: a subscriber that is away, and a queue that is too short for it."""

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe

PATIENCE = 60.0


def test_messages_that_the_broker_dropped_are_an_alert_and_stand_on_the_roll() -> None:
    short = ("allow_anonymous true", "sys_interval 1", "max_queued_messages 10")
    with (
        Broker(*short) as broker,
        DashboardProcess(broker.url) as dashboard,
        Probe(broker.url, "fleet/1/_host/alert/#") as probe,
    ):
        dashboard.wait_for("/api/stats", lambda stats: stats["broker_dropped"] is not None, PATIENCE)
        away = paho.Client(CallbackAPIVersion.VERSION2, "away", clean_session=False)
        away.connect("127.0.0.1", broker.port)
        away.loop_start()
        subscribed = []
        away.on_subscribe = lambda *_: subscribed.append(True)
        away.subscribe("elsewhere", 1)
        while not subscribed:
            probe.settle()
        away.disconnect()
        away.loop_stop()
        for number in range(200):
            probe.publish("elsewhere", str(number))
        alert = probe.expect("fleet/1/_host/alert/drops", lambda seen: bool(seen.payload), PATIENCE).json()
        roll = dashboard.get("/api/roll")
        stats = dashboard.get("/api/stats")
    print(alert["text"])
    assert (alert["kind"], alert["node"]) == ("broker-drops", None)
    assert "the broker dropped" in alert["text"]
    assert alert["text"] in roll["notes"]
    assert stats["broker_dropped"] > 0
