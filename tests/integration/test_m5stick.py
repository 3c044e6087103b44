"""A whole M5StickC PLUS 2 in a class: its board file on simulated chips, with a real broker and a real dashboard."""

import datetime

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.tiers import ROOT

STICK = ROOT / "tests" / "support" / "upy_stick.py"


def test_the_screen_shows_value_state_and_rank_and_the_clock_takes_the_time_of_the_host(broker: Broker) -> None:
    with DashboardProcess(broker.url) as dashboard:
        port = dashboard.url.rstrip("/").rsplit(":", 1)[1]
        wifi = {"ssid": "lab", "password": "secret123"}
        with NodeProcess(
            broker.url,
            "ada",
            script=STICK,
            environment={"STICK_HTTP": port},
            name="Ada",
            wifi=wifi,
            sensors=["sht4x", "mpu6886"],
        ) as stick:
            stick.expect("wifi: joined lab", within=60)
            year = f"{datetime.datetime.now(datetime.UTC):%y}"
            shown = stick.expect(
                "glass: Ada", within=60, accept=lambda line: "connected | #1 " in line and f"year {year}" in line
            ).split(" | ")
            assert shown[2] == "sht4x temp"
            float(shown[1])
            assert shown[-1] == "[]", "the screen was spoken to as its datasheet says"
            dashboard.node("ada", lambda node: node["state"] == "online" and node["meta"]["board"] == "m5stickc_plus2")
