"""The class's CA certificate, for whoever wants it: whether it is the right one, everybody checks with their sheet."""

from __future__ import annotations

import ssl
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleet_dashboard.answers import failure

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class AuthorityPages:
    """`ca`: the file, read at each request, since a class may get a new one; None: this class has no TLS."""

    def __init__(self, ca: Path | None) -> None:
        self._ca = ca

    def routes(self) -> list[Route]:
        return [Route("/ca.pem", self.pem), Route("/ca.der", self.der)] if self._ca is not None else []

    async def pem(self, request: Request) -> Response:
        found = self._read()
        if found is None:
            return failure(404, "the file of FLEET_CA is no certificate")
        return Response(ssl.DER_cert_to_PEM_cert(found), media_type="application/x-pem-file")

    async def der(self, request: Request) -> Response:
        found = self._read()
        if found is None:
            return failure(404, "the file of FLEET_CA is no certificate")
        return Response(found, media_type="application/x-x509-ca-cert")

    def _read(self) -> bytes | None:
        """Its first certificate and nothing else: should a key stand in that file, it stays there."""
        try:
            text = self._ca.read_text() if self._ca is not None else ""
            return ssl.PEM_cert_to_DER_cert(text[text.index(BEGIN) : text.index(END) + len(END)])
        except (OSError, ValueError):
            return None
