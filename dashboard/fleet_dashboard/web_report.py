"""HTTP for the report of a lesson: JSON for our page, HTML and CSV to take away. No SQL, no MQTT, no state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fleet_dashboard import report_html
from fleet_dashboard.answers import failure, is_foreign, json_response, whole
from fleet_dashboard.report import Document, Reports, to_csv
from fleet_dashboard.store import StoreError
from fleet_schema import topics

LESSON_MS = 90 * 60 * 1000


class ReportPages:
    def __init__(self, reports: Reports, now_ms: Callable[[], int]) -> None:
        self._reports = reports
        self._now_ms = now_ms

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/report", self.report),
            Route("/api/report.html", self.html),
            Route("/api/report.csv", self.csv),
        ]

    async def report(self, request: Request) -> Response:
        found = await self._document(request)
        return found if isinstance(found, Response) else json_response(found)

    async def html(self, request: Request) -> Response:
        """A file to keep. It has its style in it, which a page of ours may not: hence a policy of its own."""
        try:
            minutes = whole(request.query_params.get("zone"), "zone", _local_minutes())
        except ValueError as error:
            return failure(400, str(error))
        found = await self._document(request)
        if isinstance(found, Response):
            return found
        text = report_html.page(found, minutes)
        return _file(text, "text/html; charset=utf-8", found, "html", {"content-security-policy": report_html.POLICY})

    async def csv(self, request: Request) -> Response:
        found = await self._document(request)
        return found if isinstance(found, Response) else _file(to_csv(found), "text/csv; charset=utf-8", found, "csv")

    async def _document(self, request: Request) -> Document | Response:
        if is_foreign(request):
            return failure(403, "reports are not started by foreign pages")
        query = request.query_params
        try:
            now = self._now_ms()
            end = whole(query.get("to"), "to", now + 1)
            start = whole(query.get("from"), "from", end - LESSON_MS)
            group = query.get("group") or None
            if group is not None and not topics.is_name(group):
                raise ValueError("group is the name of a group: 1 to 16 of a-z, 0-9 and -")
            return await self._reports.document(start, end, now, group)
        except ValueError as error:
            return failure(400, str(error))
        except StoreError as error:
            return failure(503, str(error))


def _file(text: str, kind: str, of: Document, form: str, further: dict[str, Any] | None = None) -> Response:
    day = datetime.fromtimestamp(of["to"] / 1000).strftime("%Y-%m-%d") if 0 <= of["to"] < 1 << 47 else "0"
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="lesson-{day}.{form}"'}
    return Response(text, 200, headers | (further or {}), kind)


def _local_minutes() -> int:
    """Of the dashboard's own clock."""
    offset = datetime.now().astimezone().utcoffset()
    return round(offset.total_seconds() / 60) if offset else 0
