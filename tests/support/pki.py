"""Certificates as they should not be: each signed by hand, so that one thing alone is wrong with it."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fleet_tools import certificates

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Server:
    """The files of a broker, and what mosquitto.conf says of them."""

    cert: Path
    key: Path

    @property
    def config(self) -> tuple[str, ...]:
        return ("allow_anonymous true", f"certfile {self.cert}", f"keyfile {self.key}", "tls_version tlsv1.2")

    @property
    def context(self) -> ssl.SSLContext:
        """For who serves TLS with it and is no mosquitto."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.cert, self.key)
        return made


class Pki:
    """The certificates of class 3b in `folder`: its CA as the tools make it, and servers good and bad."""

    def __init__(self, folder: Path) -> None:
        files = certificates.ensure(folder / "3b", "3b")
        self.ca = files.ca
        self.good = Server(files.cert, files.key)
        self._folder = folder

    def url(self, port: int, scheme: str = "mqtts", login: str = "ada:s3cret-of-ada") -> str:
        query = f"?ca={self.ca}&name=fleet-3b" if scheme == "mqtts" else ""
        return f"{scheme}://{login}@127.0.0.1:{port}{query}"

    def of_another_class(self) -> Server:
        """Good in itself, and of a class that has the same name."""
        files = certificates.ensure(self._folder / "another", "3b")
        return Server(files.cert, files.key)

    def signed(
        self, title: str, *, name: str = "fleet-3b", begin: datetime = NOW - DAY, end: datetime = NOW + 365 * DAY
    ) -> Server:
        """By our CA."""
        key = serialization.load_pem_private_key((self.ca.parent / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        issuer = x509.load_pem_x509_certificate(self.ca.read_bytes()).subject
        return self._server(title, name, begin, end, issuer, key)

    def self_signed(self, name: str = "fleet-3b") -> Server:
        """As `openssl req -x509` makes one."""
        return self._server("self-signed", name, NOW - DAY, NOW + 365 * DAY, None, None)

    def _server(
        self,
        title: str,
        name: str,
        begin: datetime,
        end: datetime,
        issuer: x509.Name | None,
        signer: ec.EllipticCurvePrivateKey | None,
    ) -> Server:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder(issuer or subject, subject, key.public_key(), 7, begin, end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(signer or key, hashes.SHA256())
        )
        server = Server(self._folder / f"{title}.pem", self._folder / f"{title}.key")
        server.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        server.key.write_bytes(key.private_bytes(*form))
        return server
