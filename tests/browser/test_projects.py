"""The first project of the workshop, finished, as the class sees it: the learner's program on the page of the wall."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from fleet_tools import workshop_lessons as lessons
from fleet_tools.workshop_run import Program
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe

SHAKE = lessons.find("shake")
RIVALS = {"ada": ("Ada", 96.4), "grace": ("Grace", 61.0), "eve": ("Eve", 1e6)}  # the last of them cheats


def test_the_shake_project_ends_on_the_wall(
    page: Page,
    broker: Broker,
    dashboard: DashboardProcess,
    shoot: Callable[[Page, str], Path],
    tmp_path: Path,
) -> None:
    shutil.copy(SHAKE.folder / "energy.toml", dashboard.data_dir / "challenges")
    SHAKE.lay("solution.py", tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"port": broker.port}))
    (tmp_path / "shake.csv").write_text("0,0,18.81\n0,0,0.81\n")  # 9 more and 9 less than gravity: 81 points
    program = Program(tmp_path, tmp_path / "program.log", heap="160k")
    program.start()
    try:
        page.goto("/leaderboard")
        page.get_by_role("button", name="Shake energy").click()
        expect(page.locator(".stage h2")).to_have_text("Shake energy")
        expect(page.locator(".ranks .name")).to_have_text(["Kim"])
        with Probe(broker.url, "fleet/1/none") as rivals:
            for node, (name, energy) in RIVALS.items():
                told = {"boot": "0b00", "seq": 0, "up": 100}
                status = {"state": "online", "boot": "0b00", "conn": 1}
                sensors = {"shake": {"energy": ["points", "energy"]}}
                meta = {**told, "schema": "1.4", "name": name, "period": 60_000, "sensors": sensors}
                rivals.publish(f"fleet/1/{node}/status", json.dumps(status), retain=True)
                rivals.publish(f"fleet/1/{node}/meta", json.dumps(meta), retain=True)
                rivals.publish(f"fleet/1/{node}/tele/shake", json.dumps({**told, "v": {"energy": energy}}))
            expect(page.locator(".ranks .name")).to_have_text(["Ada", "Kim", "Grace"])
            expect(page.locator(".ranks .score")).to_have_text(["96.4", "81.0", "61.0"])
            shoot(page, "shake-project")
    finally:
        program.stop()
        (dashboard.data_dir / "challenges" / "energy.toml").unlink()
