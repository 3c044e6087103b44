"""Drivers that others published, run unmodified by MicroPython on our simulated chips (oracles.py)."""

import importlib.util
from pathlib import Path

import pytest

from support import tiers, upy

ORACLES = {
    "ahtx0": "test_micropython_ahtx0_agrees_with_our_aht20",
    "mpu6886": "test_micropython_mpu6886_agrees_with_our_mpu6886",
    "bme280": "test_bme280_upy_agrees_with_our_bmp280",
    "micropython_sht4x": "test_micropython_sht4x_agrees_with_our_sht4x_where_conversions_take_no_time",
}


@pytest.mark.parametrize("module", ORACLES)
def test_a_published_driver_agrees_with_ours(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec(module)
    tiers.require(spec, f"the driver {module} is not installed (pip install -e '.[test]')")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    if spec.submodule_search_locations:
        home = home.parent
    # What MicroPython has built in comes first: site-packages is full of modules for CPython.
    monkeypatch.setenv("MICROPYPATH", f".frozen:{home}")
    name = ORACLES[module]
    said = upy.run_file(Path(__file__).with_name("oracles.py"), [name])[name]
    assert not said, said
