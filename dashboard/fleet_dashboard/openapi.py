"""The HTTP API as an OpenAPI document: the paths are the router's, the words are in the table here.

A test compares the two, so that a route cannot come or go without its description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute, Route

from fleet_dashboard.guard import COOKIE, needs_teacher

VERSION = "3.1.0"
OPEN = ("/api/", "/metrics")  # what is for programs; the rest are pages
WHOLE, TEXT = {"type": "integer"}, {"type": "string"}
NODE = ("node", TEXT, "the node's id")
EXAMPLES = {"node": "ada", "sensor": "sht4x"}
SPAN = [("from", WHOLE, "UTC ms, from then on"), ("to", WHOLE, "UTC ms, before then; default: now")]

# How a teacher is known. A browser on another port than 80 has it in its cookie's name, like fleet_teacher_8080.
SCHEMES = {"token": {"type": "http", "scheme": "bearer"}, "login": {"type": "apiKey", "in": "cookie", "name": COOKIE}}


@dataclass(frozen=True)
class Described:
    """Query parameters are (name, schema, words); all may be left out but those in `needed`."""

    summary: str
    answer: str = "application/json"
    status: int = 200
    query: tuple[tuple[str, Any, str], ...] = ()
    needed: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    body: dict[str, Any] | None = None


ERRORS = {
    400: "what was asked makes no sense; the sentence says what would",
    401: "this needs the teacher: a login or a token",
    403: "a foreign page, a name that is not ours, or a token that may only look",
    404: "there is no such thing",
    409: "not as things are; the sentence says what is in the way",
    429: "too many wrong codes from this address; Retry-After says for how many seconds",
    501: "a library that this needs is not installed; the sentence says which",
    503: "not now: the database or the broker does not answer, or too many ask",
}
COMMAND = {
    "type": "object",
    "required": ["target", "name"],
    "properties": {
        "target": {"type": "string", "description": "a node id, _all, or _<group>"},
        "name": {"type": "string", "description": "a command, as in the node's meta"},
        "args": {"type": "object", "description": "arguments by name"},
    },
}
ROUND = {
    "type": "object",
    "required": ["challenge"],
    "properties": {
        "challenge": {"type": "string", "description": "the name of a challenge that is played in rounds"},
        "seconds": {"type": "integer", "minimum": 3, "maximum": 3600, "description": "default: its own"},
        "countdown": {"type": "integer", "minimum": 0, "maximum": 30, "description": "default: its own"},
        "question": {"description": "of a quiz: the number of one in its file, from 0, or text, options and answer"},
    },
}
LOGIN = {
    "type": "object",
    "required": ["code"],
    "properties": {"code": {"type": "string", "description": "the teacher's code; `fleet teacher` shows it"}},
}
LESSON = (*SPAN, ("group", TEXT, "only nodes of this group"))
WHICH = (("node", TEXT, "one node; default: all"), ("sensor", TEXT, "one sensor; default: all"), *SPAN)
API = {
    ("GET", "/api/snapshot"): Described("Everything that the wall shows, at once"),
    ("GET", "/api/stream"): Described(
        "Server-sent events: `snapshot` first, then what changes", "text/event-stream", errors=(503,)
    ),
    ("GET", "/api/nodes/{node}"): Described("One node with its last events, logs and account", errors=(404, 503)),
    ("GET", "/api/nodes/{node}/series"): Described(
        "The series of one sensor for a chart: rows, or sums of rows, minutes or hours, at most `points` of them. "
        "`bound` lists [from, to] of times that are only no later than they say",
        query=(("sensor", TEXT, "the sensor"), *SPAN, ("points", WHOLE, "1 to 5000; default 600")),
        needed=("sensor",),
        errors=(400, 404, 503),
    ),
    ("POST", "/api/nodes/{node}/forget"): Described(
        "Take a node that is gone off the wall; its readings stay, and it is back when it speaks",
        errors=(404, 409, 503),
    ),
    ("GET", "/api/roll"): Described(
        "The roll of the class: everyone who is expected or here, those with trouble first, why, and what to do"
    ),
    ("GET", "/api/delivery"): Described(
        "The account of every boot: taken, stored, expired, missing, gone, dropped, before, twice",
        query=(("since", WHOLE, "only boots heard since then, UTC ms"),),
        errors=(400, 503),
    ),
    ("GET", "/api/timeline"): Described(
        "What happened, newest first, and what to do about each kind. `before` of an answer asks for the next page",
        query=(
            *SPAN,
            ("node", TEXT, "one node; default: all"),
            ("group", TEXT, "the nodes that are in this group now"),
            ("kind", TEXT, "birth, state, alert, command, round, host; several with commas"),
            ("limit", WHOLE, "1 to 500; default 100"),
            ("before", TEXT, "from the answer before"),
        ),
        errors=(400, 503),
    ),
    ("GET", "/api/replay"): Described(
        "A chunk of a past span: the last value of each sensor in every second, events and happenings; the next one "
        "begins at its `to`",
        query=(
            *SPAN,
            ("every", WHOLE, "thinned to one in so many seconds, 1 to 60; default 1"),
            ("state", TEXT, "1: with all nodes as they stood at `from`"),
        ),
        errors=(400, 503),
    ),
    ("GET", "/api/replay/marks"): Described(
        "What happened in a past span of at most 6 h, how many events when, and since when readings are stored",
        query=tuple(SPAN),
        errors=(400, 503),
    ),
    ("POST", "/api/commands"): Described(
        "Send a command; the answer has the id of its roll-call", status=202, errors=(400,), body=COMMAND
    ),
    ("GET", "/api/commands/{name}"): Described("The roll-call of a command: who answered what", errors=(404,)),
    ("GET", "/api/health"): Described("Is it connected to the broker? 503 if not", errors=(503,)),
    ("GET", "/api/stats"): Described("Counters of this process"),
    ("GET", "/api/challenges"): Described("The challenges that there are, and what is wrong with files of others"),
    ("GET", "/api/rounds"): Described("Earlier rounds, newest first"),
    ("POST", "/api/rounds"): Described(
        "Start a round; the answer has its id, and the boards are in the stream", status=202, errors=(400,), body=ROUND
    ),
    ("POST", "/api/rounds/{name}/stop"): Described(
        "Call off a countdown, end a round, or put its result away", errors=(404,)
    ),
    ("GET", "/api/rounds/{name}"): Described("The result of a round", errors=(404,)),
    ("GET", "/api/rounds/{name}.csv"): Described("The same as CSV", "text/csv", errors=(404,)),
    ("GET", "/api/export/readings.csv"): Described(
        "Readings, a line for each field, oldest first of each sensor", "text/csv", query=WHICH, errors=(400, 404, 503)
    ),
    ("GET", "/api/export/readings.parquet"): Described(
        "The same as Parquet", "application/vnd.apache.parquet", query=WHICH, errors=(400, 404, 501, 503)
    ),
    ("GET", "/api/export/events.csv"): Described(
        "Events, oldest first of each node", "text/csv", query=WHICH, errors=(400, 404, 503)
    ),
    ("GET", "/api/export/events.parquet"): Described(
        "The same as Parquet", "application/vnd.apache.parquet", query=WHICH, errors=(400, 404, 501, 503)
    ),
    ("GET", "/api/report"): Described(
        "What a lesson came to: nodes, sums of each field, events, rounds, commands; default: the last 90 minutes",
        query=LESSON,
        errors=(400, 503),
    ),
    ("GET", "/api/report.html"): Described(
        "The same as one file to print and keep",
        "text/html",
        query=(*LESSON, ("zone", WHOLE, "minutes that its times are ahead of UTC; default: as the dashboard's clock")),
        errors=(400, 503),
    ),
    ("GET", "/api/report.csv"): Described("The same as CSV", "text/csv", query=LESSON, errors=(400, 503)),
    ("GET", "/api/backup"): Described(
        "A consistent copy of the whole database, as SQLite file", "application/vnd.sqlite3", errors=(503,)
    ),
    ("GET", "/api/me"): Described("Who am I: viewer or teacher"),
    ("POST", "/api/login"): Described(
        "Log a browser in as the teacher, by a cookie for 12 h; programs use tokens", errors=(400, 401, 429), body=LOGIN
    ),
    ("POST", "/api/logout"): Described("End this login"),
    ("GET", "/api/openapi.json"): Described("This document"),
    ("GET", "/metrics"): Described("For Prometheus, text format 0.0.4", "text/plain"),
}


def operations(routes: Iterable[BaseRoute]) -> list[tuple[str, str]]:
    """(method, path) of every route for programs."""
    return [
        (method, route.path)
        for route in routes
        if isinstance(route, Route) and route.path.startswith(OPEN)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def document(routes: Iterable[BaseRoute], version: str) -> dict[str, Any]:
    """The OpenAPI document of these routes; one that is not in the table has no words."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path in operations(routes):
        about = API.get((method, path), Described(""))
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, about)
    info = {
        "title": "Sensor Fleet",
        "version": version,
        "description": "Whoever reaches the port may look. What changes something needs the teacher: a token of "
        "`fleet token new`, or a login from one of our own pages.",
    }
    return {"openapi": VERSION, "info": info, "paths": paths, "components": {"securitySchemes": SCHEMES}}


def _operation(method: str, path: str, about: Described) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
    parameters += [
        {"name": name, "in": "query", "required": name in about.needed, "schema": schema, "description": words}
        for name, schema, words in about.query
    ]
    for one in parameters:
        if one["name"] in EXAMPLES:
            one["example"] = EXAMPLES[one["name"]]
    responses: dict[str, Any] = {str(about.status): {"description": "as asked", "content": {about.answer: {}}}}
    error = {"application/json": {"schema": {"type": "object", "properties": {"error": TEXT}}}}
    teacher = needs_teacher(method, path)
    codes = {*about.errors, 403, *([401] if teacher else [])}
    responses |= {str(code): {"description": ERRORS[code], "content": error} for code in sorted(codes)}
    found: dict[str, Any] = {"summary": about.summary, "responses": responses}
    found["security"] = [{"token": []}, {"login": []}] if teacher else []
    if parameters:
        found["parameters"] = parameters
    if about.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": about.body}}}
    return found
