"""The routes of all parts that have pages of their own, where nobody calls them: service.py hands out the same."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from fleet_dashboard.web_class import ClassPages
from fleet_dashboard.web_mip import MipPages
from fleet_dashboard.web_report import ReportPages
from fleet_dashboard.web_roll import RollPages
from fleet_dashboard.web_rounds import RoundPages
from fleet_dashboard.web_time import TimePages


def routes() -> list[BaseRoute]:
    nothing: Any = None
    parts = (
        *(RoundPages(nothing), ClassPages(nothing), ReportPages(nothing, nothing), TimePages(nothing, {}, nothing)),
        RollPages(nothing),
        MipPages(nothing),
    )
    return [route for part in parts for route in part.routes()]
