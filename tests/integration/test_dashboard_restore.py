"""From `fleet backup` to `fleet restore`, with real processes: what comes back, and what the account says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.rights import TOKEN

PATIENCE_S = 40


def fleet(*words: str, dashboard: DashboardProcess | None = None) -> subprocess.CompletedProcess[str]:
    folders = [str(tiers.ROOT / part) for part in ("node", "fleet-tools", "dashboard")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "FLEET_TOKEN": TOKEN}
    environment |= {"FLEET_DASHBOARD": dashboard.url} if dashboard else {}
    command = [sys.executable, "-m", "fleet_tools", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def started(broker: Broker, folder: Path) -> DashboardProcess:
    dashboard = DashboardProcess(broker.url, data_dir=folder)
    dashboard.start(PATIENCE_S)
    return dashboard


def end(dashboard: DashboardProcess) -> None:
    assert dashboard.stop(within=PATIENCE_S)[0] == 0


def accounts(dashboard: DashboardProcess, node: str) -> list[dict[str, Any]]:
    rows = dashboard.get("/api/delivery")["nodes"]
    boots = [boot for row in rows if row["id"] == node for boot in row["boots"]]
    return [{key: value for key, value in boot.items() if key != "seen"} for boot in boots]


def identities(dashboard: DashboardProcess) -> list[str]:
    """Every stored reading, by its boot and number."""
    return sorted(fleet("export", dashboard=dashboard).stdout.splitlines()[1:])


def settled(dashboard: DashboardProcess, node: str, taken: int) -> Any:
    """All that it took so far, or more, and nothing on its way."""

    def done(_: Any) -> bool:
        boots = accounts(dashboard, node)
        return bool(boots) and boots[0]["taken"] >= taken and boots[0]["stored"] == boots[0]["taken"]

    dashboard.wait_for("/api/delivery", done, PATIENCE_S)
    return accounts(dashboard, node)


def test_a_restored_dashboard_has_the_readings_the_account_and_the_rounds(broker: Broker, tmp_path: Path) -> None:
    original = started(broker, tmp_path / "one")
    with NodeProcess(broker.url, "ada", flash=True):
        settled(original, "ada", 20)
    original.node("ada", lambda node: node["state"] in ("lost", "offline"), PATIENCE_S)
    end(original)  # all that came is committed
    original = started(broker, tmp_path / "one")
    before, readings = accounts(original, "ada"), identities(original)
    rounds = tmp_path / "one" / "rounds"
    rounds.mkdir(exist_ok=True)
    result = rounds / "20261128-215900-0a0b0c.json"
    result.write_text(
        '{"id":"20261128-215900-0a0b0c","state":"done","challenge":"sprint","title":"Sprint","unit":"","started":1,'
        '"digits":0,"rows":[]}'
    )
    copy = tmp_path / "copy.db"
    said = fleet("backup", str(copy), dashboard=original)
    assert said.returncode == 0, said.stderr
    refused = fleet("restore", str(copy), f"--data={tmp_path / 'one'}")
    assert (refused.returncode, "stop it first" in refused.stderr) == (1, True), refused.stderr
    assert accounts(original, "ada") == before  # it did not notice
    end(original)
    restored = fleet("restore", str(copy), f"--data={tmp_path / 'two'}")
    assert restored.returncode == 0, restored.stderr
    assert f"{before[0]['stored']:,} readings" in restored.stdout
    second = started(broker, tmp_path / "two")
    assert identities(second) == readings
    assert accounts(second, "ada") == before
    assert [head["id"] for head in second.get("/api/rounds")["rounds"]] == [result.stem]
    # The original lives on beside it: each has a session of its own, and neither pushes the other out.
    first = started(broker, tmp_path / "one")
    with NodeProcess(broker.url, "bo"):
        for dashboard in (first, second):
            dashboard.node("bo", lambda node: node["state"] == "online", PATIENCE_S)
    assert [one.get("/api/stats")["reconnects"] for one in (first, second)] == [0, 0]
    end(first)
    end(second)


def test_readings_since_an_old_backup_are_said_to_be_gone(broker: Broker, tmp_path: Path) -> None:
    """The node was told that they are stored and has forgotten them: nothing brings them back, and the account must
    not say that all is well."""
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    dashboard = started(broker, data)
    with NodeProcess(broker.url, "ada", flash=True):
        early = settled(dashboard, "ada", 10)[0]["stored"]
        assert fleet("backup", str(copy), dashboard=dashboard).returncode == 0
        late = settled(dashboard, "ada", early + 30)[0]
        end(dashboard)
        said = fleet("restore", str(copy), f"--data={data}")
        assert said.returncode == 0, said.stderr
        assert "fleet verify" in said.stdout
        again = started(broker, data)

        def told(_: Any) -> bool:
            boots = accounts(again, "ada")
            return bool(boots) and boots[0]["gone"] > 0 and boots[0]["missing"] == 0

        again.wait_for("/api/delivery", told, PATIENCE_S)
        boot = accounts(again, "ada")[0]
        assert boot["boot"] == late["boot"]
        assert boot["taken"] >= late["taken"]
        assert boot["gone"] > 0
        verdict = fleet("verify", "ada", "--json", dashboard=again)
        assert verdict.returncode == 3, verdict.stdout + verdict.stderr
        assert '"gone"' in verdict.stdout
        end(again)
    # Exactly what is there is called stored.
    last = started(broker, data)
    boot = accounts(last, "ada")[0]
    numbers = {line.split(",")[6] for line in identities(last) if line.split(",")[5] == boot["boot"]}
    assert boot["stored"] == len(numbers)
    assert boot["stored"] + boot["missing"] + boot["gone"] + boot["dropped"] + boot["before"] == boot["taken"]
    end(last)
