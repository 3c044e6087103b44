"""The certificates of a class: a CA of its own, and the certificate of its broker that this CA signs.

The broker's certificate carries one name, `fleet-<base>`, and every client asks for that name whatever the address
is: a laptop whose address changes needs no new certificate. The CA signs this one and nothing else.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleet_client import private_file
from fleet_tools.errors import FleetError

CA_LASTS = timedelta(days=3653)
SERVER_LASTS = timedelta(days=825)
RENEW_WITHIN = timedelta(days=90)  # a class that starts its broker once in a term never meets the end
# When a certificate begins says nothing about who made it, and a board without a clock begins in the year 2000 (some
# in 2021). From here on such a board can verify its broker; it cannot know that a certificate has ended.
BEGINS = datetime(1999, 12, 31, tzinfo=UTC)
FINGERPRINT = 32  # hex digits, 128 bits: what a sheet has room for and nobody can find another CA for

Key = ec.EllipticCurvePrivateKey


class CertificateError(FleetError):
    """One sentence for the person who runs this."""


@dataclass(frozen=True)
class ServerFiles:
    """What the broker needs, and the CA certificate, which all may have."""

    ca: Path
    cert: Path
    key: Path


def server_name(base: str) -> str:
    """The name in the broker's certificate, for which every client of this class asks."""
    return f"fleet-{base}"


def ensure(folder: Path, base: str, now: datetime | None = None, broker_uid: int | None = None) -> ServerFiles:
    """Whatever is missing, damaged or near its end is made; what is good is left alone.

    A CA is never replaced here, because every board and PC knows it: CertificateError says what to do instead.
    `broker_uid` is given the key of the server; the CA's key belongs to whoever runs this.
    """
    now = now or datetime.now(UTC)
    files = ServerFiles(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        ca = _read_certificate(files.ca)
        ca_key = _read_key(folder / "ca.key")
        if ca and ca_key and _name(ca.subject) != _ca_name(base) and ca_key.public_key() == ca.public_key():
            return renew(folder, base, now, broker_uid)  # the class has another name, so nobody can use the old one
        if ca is None and not files.ca.exists():
            ca_key = ca_key or _new_key(folder / "ca.key")  # a key alone is the first half of an earlier attempt
            ca = _sign_ca(ca_key, base, now)
            private_file.write(files.ca, _pem(ca), mode=0o644)
        _check_ca(ca, folder, base, now)
        assert ca is not None
        if not _serves(files, ca, base, now):
            if ca_key is None or ca_key.public_key() != ca.public_key():
                raise CertificateError(
                    f"{folder / 'ca.key'} is not the key of {files.ca}: put it back from a backup, or make a new CA "
                    f"for the class with fleet class tls {base} --renew"
                )
            key = _new_key(files.key)
            private_file.write(files.cert, _pem(_sign_server(key, ca, ca_key, base, now)), mode=0o644)
        _own(files.key, broker_uid)
    except OSError as error:
        raise CertificateError(
            f"{error.filename} cannot be written ({error.strerror}): run this as its owner"
        ) from None
    return files


def renew(folder: Path, base: str, now: datetime | None = None, broker_uid: int | None = None) -> ServerFiles:
    """A new CA and server: whoever knows the old CA is turned away until it has the new one."""
    for name in ("ca.key", "ca.pem"):  # in this order: a run that ends between the two may be repeated
        (folder / name).unlink(missing_ok=True)
    return ensure(folder, base, now, broker_uid)


def fingerprint(ca: Path) -> str:
    """32 hex digits that tell this CA from every other; CertificateError if it is not a certificate."""
    try:
        return fingerprint_of(ca.read_bytes())
    except OSError as error:
        raise CertificateError(f"{ca} cannot be read ({error.strerror})") from None
    except ValueError:
        raise CertificateError(f"{ca} is not a certificate in PEM form") from None


def fingerprint_of(pem: bytes) -> str:
    """The same of what `ca.pem` contains; ValueError."""
    return hashlib.sha256(der(pem)).hexdigest()[:FINGERPRINT]


def der(pem: bytes) -> bytes:
    """The form that boards read: smaller, and their firmware may lack the code for PEM; ValueError."""
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def ends(certificate: Path) -> datetime:
    """When it is of no use any more; CertificateError."""
    found = _read_certificate(certificate)
    if found is None:
        raise CertificateError(f"{certificate} is not a certificate in PEM form")
    return found.not_valid_after_utc


def _check_ca(ca: x509.Certificate | None, folder: Path, base: str, now: datetime) -> None:
    remedy = f"fleet class tls {base} --renew makes a new one, which every board and PC must get"
    if ca is None:
        raise CertificateError(f"{folder / 'ca.pem'} is damaged: put it back from a backup, or {remedy}")
    if _name(ca.subject) != _ca_name(base):
        raise CertificateError(f"{folder / 'ca.pem'} is not the CA of {base} but of {_name(ca.subject)!r}")
    if ca.not_valid_after_utc <= now:
        raise CertificateError(f"the CA of {base} ended on {ca.not_valid_after_utc:%Y-%m-%d}: {remedy}")


def _serves(files: ServerFiles, ca: x509.Certificate, base: str, now: datetime) -> bool:
    """Is there a certificate of this CA for this base with its key, and with some time to go?"""
    certificate, key = _read_certificate(files.cert), _read_key(files.key)
    if certificate is None or key is None or certificate.public_key() != key.public_key():
        return False
    try:
        certificate.verify_directly_issued_by(ca)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    end = certificate.not_valid_after_utc
    lasts = now + RENEW_WITHIN < end or end == ca.not_valid_after_utc  # no certificate may outlive its CA
    return names.get_values_for_type(x509.DNSName) == [server_name(base)] and lasts


def _sign_ca(key: Key, base: str, now: datetime) -> x509.Certificate:
    """For OpenSSL it can vouch for names of this class only, should somebody trust it in a browser.

    The constraint is not marked critical, as RFC 5280 wants it: mbedTLS, which boards have, does not know it and would
    refuse the whole CA.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ca_name(base))])
    every_address = [x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
    own_names = x509.NameConstraints([x509.DNSName(server_name(base))], every_address)
    return (
        _certificate(name, name, key.public_key(), now + CA_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(own_names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _sign_server(key: Key, ca: x509.Certificate, ca_key: Key, base: str, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, server_name(base))])
    return (
        _certificate(name, ca.subject, key.public_key(), min(now + SERVER_LASTS, ca.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(server_name(base))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, end: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), BEGINS, end)


def _usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _ca_name(base: str) -> str:
    return f"CA of fleet {base}"


def _name(of: x509.Name) -> str:
    return ", ".join(str(one.value) for one in of.get_attributes_for_oid(NameOID.COMMON_NAME))


def _new_key(path: Path) -> Key:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private_file.write(path, pem)
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _read_certificate(path: Path) -> x509.Certificate | None:
    """None if there is none, or what is there is none."""
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError:
        return None


def _read_key(path: Path) -> Key | None:
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, Key) else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CertificateError(f"{path} cannot be read ({error.strerror}): run this as its owner") from None


def _own(path: Path, uid: int | None) -> None:
    if uid is not None and path.stat().st_uid != uid:
        os.chown(path, uid, uid)
