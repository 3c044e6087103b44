"""`fleet class tls` shows the certificates of a class, and makes a new CA only when told to."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleet_tools import certificates
from fleet_tools.class_folder import ClassFolder
from fleet_tools.cli import fleet


@pytest.fixture
def classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_CLASSES", str(tmp_path))
    assert run("new", "3b", "--nodes", "2").exit_code == 0
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(fleet, ["class", *words], standalone_mode=False)


def test_it_shows_what_a_ticket_ends_in_and_changes_nothing_when_asked_again(classes: Path) -> None:
    first = run("tls", "3b").output
    ca = ClassFolder.open("3b").tls / "ca.pem"
    assert f"fingerprint {certificates.fingerprint(ca)}" in first
    assert "name        fleet-3b" in first
    assert run("tls", "3b").output == first


def test_a_new_ca_is_made_on_demand_and_says_what_it_costs(classes: Path) -> None:
    before = run("tls", "3b").output
    after = run("tls", "3b", "--renew").output
    assert before.splitlines()[1] != after.splitlines()[1]
    assert "print new sheets" in after
