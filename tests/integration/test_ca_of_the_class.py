"""How a client gets the CA of its class: from the dashboard, which anybody may ask, and believed by its fingerprint."""

import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_tools import certificates
from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.pki import Pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def broker(pki: Pki) -> Iterator[Broker]:
    with Broker(*pki.good.config) as running:
        yield running


@pytest.fixture(scope="module")
def dashboard(pki: Pki, broker: Broker) -> Iterator[DashboardProcess]:
    url = pki.url(broker.port, login="host:word")
    with DashboardProcess(url, base="3b", environment={"FLEET_CA": str(pki.ca)}) as running:
        yield running


def link(pki: Pki, broker: Broker, dashboard: DashboardProcess) -> str:
    """What the QR code of ada's sheet says."""
    return f"{dashboard.url}/join#mqtts://ada:s3cret@127.0.0.1:{broker.port}/3b#{certificates.fingerprint(pki.ca)}"


def join(text: str, folder: Path, *how: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(tiers.ROOT / part) for part in ("node", "fleet-tools"))
    command = [sys.executable, "-m", "fleet_tools", "join", "--check", *how]
    env = {**os.environ, "PYTHONPATH": path, "XDG_STATE_HOME": str(folder)}
    return subprocess.run(command, input=text + "\n", text=True, capture_output=True, timeout=90, env=env, check=False)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def test_anybody_may_have_the_certificate_in_both_forms(pki: Pki, dashboard: DashboardProcess) -> None:
    pem, der = get(dashboard.url + "/ca.pem"), get(dashboard.url + "/ca.der")
    assert certificates.fingerprint_of(pem) == certificates.fingerprint(pki.ca)
    assert ssl.PEM_cert_to_DER_cert(pem.decode()) == der


def test_a_key_in_that_file_stays_there(pki: Pki, broker: Broker, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text((pki.ca.parent / "ca.key").read_text() + pki.ca.read_text())
    with DashboardProcess(pki.url(broker.port), base="3b", environment={"FLEET_CA": str(both)}) as dashboard:
        assert b"PRIVATE" not in get(dashboard.url + "/ca.pem")
        both.write_text((pki.ca.parent / "ca.key").read_text())
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(dashboard.url + "/ca.pem")


def test_a_class_without_tls_has_none(broker: Broker, pki: Pki) -> None:
    with (
        DashboardProcess(pki.url(broker.port), base="3b") as dashboard,
        pytest.raises(urllib.error.HTTPError, match="404"),
    ):
        get(dashboard.url + "/ca.pem")


def test_with_the_link_of_the_sheet_a_pc_joins_over_tls(
    pki: Pki, broker: Broker, dashboard: DashboardProcess, tmp_path: Path
) -> None:
    ran = join(link(pki, broker, dashboard), tmp_path)
    assert ran.returncode == 0, ran
    assert "It works" in ran.stdout


def test_with_the_certificate_in_a_file_no_dashboard_is_asked_for_it(
    pki: Pki, broker: Broker, dashboard: DashboardProcess, tmp_path: Path
) -> None:
    ticket = link(pki, broker, dashboard).partition("/join#")[2]
    ran = join(ticket, tmp_path, "--ca", str(pki.ca))
    assert ran.returncode == 0, ran
    other = certificates.ensure(tmp_path / "other", "3b").ca
    ran = join(ticket, tmp_path, "--ca", str(other))
    assert ran.returncode == 2, ran
    assert "is not the CA certificate that your ticket means" in ran.stderr


def test_another_certificate_than_that_of_the_sheet_is_not_believed(
    pki: Pki, broker: Broker, dashboard: DashboardProcess, tmp_path: Path
) -> None:
    """Somebody who answers in place of the dashboard, or a sheet of last year."""
    own, before = certificates.fingerprint(pki.ca), broker.log.count("as ada")
    ran = join(link(pki, broker, dashboard).replace(own, "0" * 32), tmp_path)
    assert ran.returncode == 5, ran
    assert "Not your class. The CA certificate at 127.0.0.1 is not the one of your sheet" in ran.stdout
    assert broker.log.count("as ada") == before


def node(pki: Pki, broker: Broker, http: int, folder: Path, **more: Any) -> NodeProcess:
    about = {"host": "127.0.0.1", "port": broker.port, "user": "bea", "password": "b", "tls": True, "http": http}
    about |= {"ca": str(folder / "ca.der"), "tls_name": "fleet-3b", "fingerprint": certificates.fingerprint(pki.ca)}
    return NodeProcess("", "bea", base="3b", broker={**about, **more})


def test_a_node_fetches_it_once_and_keeps_it(
    pki: Pki, broker: Broker, dashboard: DashboardProcess, tmp_path: Path
) -> None:
    (tmp_path / "ca.der").write_bytes(b"of another class, or half of it")
    http = int(dashboard.url.rpartition(":")[2])
    with node(pki, broker, http, tmp_path) as first:
        first.expect("joining: it works", within=30)
        first.quit()
    assert (tmp_path / "ca.der").read_bytes() == certificates.der(pki.ca.read_bytes())
    with node(pki, broker, 1, tmp_path) as second:
        second.expect("joining: it works", within=30)


def test_a_node_that_cannot_fetch_it_says_so_and_goes_on_trying(pki: Pki, broker: Broker, tmp_path: Path) -> None:
    with node(pki, broker, 1, tmp_path) as waiting:
        said = waiting.expect("joining: no CA certificate", within=30)
        assert "http://127.0.0.1:1/ca.der does not give it" in said
        (tmp_path / "ca.der").write_bytes(b"")
        waiting.expect("the CA certificate of the class is not at", within=30, since=waiting.mark())
    assert json.dumps(waiting.output).count("Traceback") == 0
