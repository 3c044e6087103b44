"""F7: a connection that is half open is noticed by both of its ends, and the node comes back by itself.

By the node after 2 x keepalive at most, by the broker after 1.5 x keepalive, and the dashboard then says `lost`.
"""

import os
import time
from contextlib import ExitStack

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import BUSY_LAG_MS, NodeProcess
from support.probe import Probe
from support.proxy import DOWN, UP, Proxy

KEEPALIVE_S = int(os.environ.get("FLEET_KEEPALIVE", "2"))  # 15 is a board's; by hand
MANY = 30.0 + 5 * KEEPALIVE_S  # s, for a machine that is busy with other things
FAULTS = {
    "half-open": lambda proxy: proxy.half_open(),
    "silent-up": lambda proxy: proxy.silence(UP),
    "silent-down": lambda proxy: proxy.silence(DOWN),
}


def test_a_dead_connection_is_noticed_on_both_sides_and_made_again(broker: Broker, probe: Probe) -> None:
    noticed, lost, lags = {}, {}, {}
    with DashboardProcess(broker.url) as dashboard, ExitStack() as stack:
        proxies = {name: stack.enter_context(Proxy(broker.port)) for name in FAULTS}
        nodes = {}
        for name, proxy in proxies.items():
            nodes[name] = stack.enter_context(NodeProcess(proxy.url, name, period=200, keepalive=KEEPALIVE_S))
        for name in FAULTS:
            dashboard.node(name, lambda node: node["state"] == "online" and node["v"], within=MANY)
        began = time.monotonic()
        for name, proxy in proxies.items():
            FAULTS[name](proxy)
        for name, node in nodes.items():
            node.expect("next try", within=MANY)
            noticed[name] = time.monotonic() - began
        for name in ("half-open", "silent-up"):  # in the third case the broker hears the node's FIN
            dashboard.node(name, lambda node: node["state"] == "lost", within=MANY)
            lost[name] = time.monotonic() - began
        mark = probe.mark()
        healed = time.monotonic()
        for proxy in proxies.values():
            proxy.heal()
        for name, node in nodes.items():
            dashboard.node(name, lambda node: node["state"] == "online" and node["conn"] > 1, within=MANY)
            topic = f"fleet/1/{name}/tele/sht4x"
            probe.expect(topic, lambda seen: "hist" not in seen.json(), within=MANY, since=mark)
        back = time.monotonic() - healed
        for name, node in nodes.items():
            lags[name] = node.quit()
            assert "Traceback" not in node.output
    print(f"keepalive {KEEPALIVE_S} s; noticed by the node after {rounded(noticed)} s (target {2 * KEEPALIVE_S})")
    print(f"lost on the dashboard after {rounded(lost)} s (target {1.5 * KEEPALIVE_S + 2}, and the broker looks once a")
    print(f"second or two); all back {back:.1f} s after healing; worst loop lag {max(lags.values())} ms")
    assert max(lags.values()) <= BUSY_LAG_MS


def rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in seconds.items()}
