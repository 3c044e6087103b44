"""A mip index at http://ADDRESS:8080/mip, for a classroom without Internet. Anybody may read it, as boards must."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fleet_dashboard.answers import json_response
from fleet_dashboard.mip import DIGITS, NODE_PACKAGE, UMQTT, Index

KIND = re.compile(r"py|\d{1,3}")  # "py", or the version of .mpy files: sources run on all of them
FRESH = {"cache-control": "no-cache"}
FOREVER = {"cache-control": "public, max-age=31536000, immutable"}  # its name is its hash


class MipPages:
    """No coroutines: files are read, so Starlette calls these in a thread of its own."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def routes(self) -> list[Route]:
        return [
            Route("/mip", self.front),
            Route("/mip/", self.front),
            Route("/mip/package/{kind}/{name}/{version}.json", self.package),
            Route("/mip/file/{start}/{digits}", self.file),
        ]

    def front(self, request: Request) -> Response:
        """What there is and what to type, for a person."""
        here = request.url.netloc
        url = f"http://{here}/mip"
        packages = self._index.packages()
        if not packages:
            return PlainTextResponse("No packages here: this dashboard was installed without the folder node/.\n", 404)
        width = max(len(one.name) for one in packages)
        lines = [
            "Packages for boards, without Internet",
            "",
            *(f"  {one.name:<{width}}  {one.version:<7}  {one.about}" for one in packages),
            "",
            "From a computer with the board on its USB port:",
            "",
            f"  mpremote mip install --index {url} {UMQTT}",
            f"  mpremote mip install --index {url} --target / {NODE_PACKAGE}",
            "",
            "At the prompt of a board that is in the Wi-Fi:",
            "",
            f'  import mip; mip.install("{UMQTT}", index="{url}")',
            f'  import mip; mip.install("{NODE_PACKAGE}", index="{url}", target="/")',
            "",
            f"{NODE_PACKAGE} goes to / because a board runs /main.py. After it: import join",
        ]
        if request.url.hostname in ("localhost", "127.0.0.1", "::1"):
            lines += [
                "",
                "A board needs this computer's address in the network in place of " + request.url.netloc + ".",
            ]
        if not any(one.name == UMQTT for one in packages):
            lines += [
                "",
                f"{UMQTT} is not here yet: python -m fleet_tools.fetch gets it. ESP32 firmware has it already.",
            ]
        return PlainTextResponse("\n".join(lines) + "\n", headers=FRESH)

    def package(self, request: Request) -> Response:
        place = request.path_params
        found = self._index.package(place["name"], place["version"]) if KIND.fullmatch(place["kind"]) else None
        if found is None:
            return PlainTextResponse("no such package here; /mip lists them\n", 404)
        answer = json_response(found)
        answer.headers.update(FRESH)
        return answer

    def file(self, request: Request) -> Response:
        start, digits = request.path_params["start"], request.path_params["digits"]
        found = self._index.file(digits) if digits[:2] == start and len(digits) == DIGITS else None
        if found is None:
            return PlainTextResponse("no such file here; was it changed while you installed? Try again\n", 404)
        return Response(found, media_type="text/plain; charset=utf-8", headers=FOREVER)
