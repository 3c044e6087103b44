"""A board gets its packages from the dashboard, without Internet: by mpremote over its cable, and by its own mip."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from support import tiers
from support.board import VirtualBoard, isolation
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe

UMQTT = tiers.NODE / "lib" / "umqtt" / "simple.py"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture(scope="module")
def index(broker: Broker) -> Iterator[str]:
    with DashboardProcess(broker.url) as dashboard:
        yield dashboard.url + "/mip"


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    with VirtualBoard() as running:
        yield running


def mpremote(board: VirtualBoard, *words: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", board.port, *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, env=environment, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def test_mpremote_installs_packages_of_the_dashboard_and_copies_none_twice(board: VirtualBoard, index: str) -> None:
    said = mpremote(board, "mip", "install", "--index", index, "umqtt.simple", "fleet-sht4x@0.1.0")
    assert "Installing: /lib/umqtt/simple.py" in said, said
    assert "Installing: /lib/fleet_node/sensors/sht4x.py" in said, said
    program = (
        "from fleet_node import sensors; from umqtt import simple; "
        "print(sensors.load('sht4x').NAME, len(open(simple.__file__).read()))"
    )
    assert mpremote(board, "resume", "exec", program).split() == ["sht4x", str(len(UMQTT.read_text()))]
    again = mpremote(board, "resume", "mip", "install", "--index", index, "umqtt.simple", "fleet-sht4x")
    assert "Exists: /lib/umqtt/simple.py" in again, again
    assert "Installing: " not in again, again


def test_a_board_installs_the_whole_node_by_itself_and_is_seen_on_the_broker(
    board: VirtualBoard, broker: Broker, index: str
) -> None:
    place = {"host": "127.0.0.1", "port": broker.port}
    config = {"node": "ada", "broker": place, "sensors": ["sht4x"], "period": 500}
    program = f"""
import json, mip
mip.install("umqtt.simple", index={index!r})
mip.install("fleet-node", index={index!r}, target="/")
with open("config.json", "w") as file:
    file.write({json.dumps(config)!r})
"""
    said = mpremote(board, "exec", program)
    assert "Exists: /lib/umqtt/simple.py" in said, said
    assert said.rstrip().endswith("Done"), said
    with Probe(broker.url, "fleet/1/ada/#") as probe:
        mpremote(board, "resume", "exec", "--no-follow", "import machine; machine.reset()")
        probe.expect("fleet/1/ada/tele/sht4x", within=60)


def test_the_manifest_and_the_index_install_the_same_node_and_it_is_ours(board: VirtualBoard, index: str) -> None:
    """What `mpremote mip install github:...` reads too; its dependency comes from the index that is named."""
    words = ("mip", "install", "--index", index, "--target", "/copy")
    mpremote(board, *words, str(tiers.NODE / "package.json"))
    again = mpremote(board, "resume", *words, "fleet-node")
    names = [path for path, _ in json.loads((tiers.NODE / "package.json").read_text())["urls"]]
    assert again.count("Exists: ") == len(names) + 1, again
    assert "Installing: " not in again, again
    program = """
import binascii, hashlib
def show(folder):
    for name, kind, *_ in os.ilistdir(folder):
        path = folder + "/" + name
        if kind == 0x4000:
            show(path)
        else:
            print(path, binascii.hexlify(hashlib.sha256(open(path, "rb").read()).digest()).decode())
import os
show("/copy")
"""
    there = dict(line.split() for line in mpremote(board, "resume", "exec", program).splitlines())
    ours = {f"/copy/{name}": hashlib.sha256((tiers.NODE / name).read_bytes()).hexdigest() for name in names}
    assert there == {**ours, "/copy/umqtt/simple.py": hashlib.sha256(UMQTT.read_bytes()).hexdigest()}
