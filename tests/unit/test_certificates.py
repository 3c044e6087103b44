"""The class CA: made once, kept for ever; the broker's certificate: made again whenever it is of no use any more."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from fleet_tools import certificates
from fleet_tools.certificates import CertificateError

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def refusal(server: Path, ca: Path, asked: str) -> str | None:
    """What OpenSSL, in its strict mode, says to a client that asks for `asked`; None if it is content."""
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(server, server.with_suffix(".key"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=asked)
    host = there.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, host):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    assert client.version() == "TLSv1.3"
    return None


def test_a_class_gets_a_ca_and_a_certificate_that_openssl_accepts_in_its_strict_mode(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path / "tls", "3b")
    assert refusal(files.cert, files.ca, "fleet-3b") is None
    assert "Hostname mismatch" in str(refusal(files.cert, files.ca, "fleet-4b"))


def test_another_class_of_the_same_name_is_not_believed(tmp_path: Path) -> None:
    ours, theirs = certificates.ensure(tmp_path / "a", "3b"), certificates.ensure(tmp_path / "b", "3b")
    assert refusal(theirs.cert, ours.ca, "fleet-3b") is not None
    assert certificates.fingerprint(ours.ca) != certificates.fingerprint(theirs.ca)


def test_the_ca_may_sign_nothing_but_its_own_broker(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, "3b")
    found = certificate(files.ca).extensions
    basic = found.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    usage = found.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature

    key = serialization.load_pem_private_key((tmp_path / "ca.key").read_bytes(), None)
    assert isinstance(key, certificates.Key)
    forged = tmp_path / "forged.pem"
    other = certificates._new_key(forged.with_suffix(".key"))
    subject = certificate(files.ca).subject
    of_a_bank = (
        certificates._certificate(subject, subject, other.public_key(), NOW + timedelta(days=3000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank.example")]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(other.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    forged.write_bytes(certificates._pem(of_a_bank.sign(key, certificates.hashes.SHA256())))
    assert "permitted subtree violation" in str(refusal(forged, files.ca, "bank.example"))


def test_keys_are_for_their_owner_only_and_certificates_for_all(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, "3b")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "server.key": 0o600, "server.pem": 0o644}


def test_the_broker_gets_its_own_key_and_not_that_of_the_ca(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a file away")
    certificates.ensure(tmp_path, "3b", broker_uid=1883)
    owners = {path.name: path.stat().st_uid for path in tmp_path.iterdir()}
    assert owners == {"ca.key": 0, "ca.pem": 0, "server.key": 1883, "server.pem": 0}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, "3b", NOW)
    before = contents(tmp_path)
    certificates.ensure(tmp_path, "3b", NOW + timedelta(days=700))
    assert contents(tmp_path) == before


def test_a_certificate_that_nears_its_end_is_renewed_by_the_same_ca(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, "3b", NOW)
    before, end = contents(tmp_path), certificates.ends(files.cert)
    certificates.ensure(tmp_path, "3b", end - timedelta(days=80))
    after = contents(tmp_path)
    assert certificates.ends(files.cert) > end
    assert (after["ca.pem"], after["ca.key"]) == (before["ca.pem"], before["ca.key"])
    assert after["server.key"] != before["server.key"]
    assert refusal(files.cert, files.ca, "fleet-3b") is None


def test_no_certificate_outlives_its_ca_and_is_not_made_anew_at_every_start_for_that(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, "3b", NOW)
    late = certificates.ends(files.ca) - timedelta(days=30)
    certificates.ensure(tmp_path, "3b", late)
    assert certificates.ends(files.cert) == certificates.ends(files.ca)
    before = contents(tmp_path)
    certificates.ensure(tmp_path, "3b", late + timedelta(days=1))
    assert contents(tmp_path) == before


def test_a_ca_that_has_ended_is_not_replaced_in_silence(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, "3b", NOW)
    end = certificates.ends(files.ca)
    with pytest.raises(CertificateError, match=r"ended on 2036-11-29: fleet class tls 3b --renew"):
        certificates.ensure(tmp_path, "3b", end)
    certificates.renew(tmp_path, "3b", end)
    assert certificates.ends(files.ca) > end


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "another"])
@pytest.mark.parametrize("name", ["server.pem", "server.key"])
def test_what_the_broker_needs_is_healed_whatever_happened_to_it(tmp_path: Path, name: str, damage: str) -> None:
    files = certificates.ensure(tmp_path / "a", "3b")
    ca = files.ca.read_bytes()
    other = certificates.ensure(tmp_path / "b", "3b").ca.parent
    hurt(tmp_path / "a" / name, damage, other / name)
    certificates.ensure(tmp_path / "a", "3b")
    assert refusal(files.cert, files.ca, "fleet-3b") is None
    assert files.ca.read_bytes() == ca


def test_a_run_that_ended_after_its_first_file_is_taken_up(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, "3b")
    key = (tmp_path / "ca.key").read_bytes()
    for path in (files.ca, files.cert, files.key):
        path.unlink()
    certificates.ensure(tmp_path, "3b")
    assert (tmp_path / "ca.key").read_bytes() == key
    assert refusal(files.cert, files.ca, "fleet-3b") is None


@pytest.mark.parametrize("damage", ["empty", "half", "another"])
def test_a_damaged_ca_is_never_replaced_in_silence(tmp_path: Path, damage: str) -> None:
    files = certificates.ensure(tmp_path / "a", "3b")
    other = certificates.ensure(tmp_path / "b", "4b")
    hurt(files.ca, damage, other.ca)
    before = contents(tmp_path / "a")
    with pytest.raises(CertificateError, match=r"is damaged: put it back from a backup|is not the CA of 3b but of"):
        certificates.ensure(tmp_path / "a", "3b")
    assert contents(tmp_path / "a") == before


def test_a_class_that_is_called_otherwise_gets_a_ca_for_that_name(tmp_path: Path) -> None:
    before = certificates.fingerprint(certificates.ensure(tmp_path, "3b").ca)
    files = certificates.ensure(tmp_path, "4b")
    assert certificates.fingerprint(files.ca) != before
    assert refusal(files.cert, files.ca, "fleet-4b") is None


def test_without_the_key_of_the_ca_a_good_certificate_still_serves(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, "3b")
    (tmp_path / "ca.key").unlink()
    before = contents(tmp_path)
    certificates.ensure(tmp_path, "3b")
    assert contents(tmp_path) == before
    files.cert.unlink()
    with pytest.raises(CertificateError, match=r"ca\.key is not the key of .*--renew"):
        certificates.ensure(tmp_path, "3b")


def test_the_fingerprint_is_that_of_the_der_form(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, "3b")
    whole = certificate(files.ca).fingerprint(certificates.hashes.SHA256()).hex()
    assert certificates.fingerprint(files.ca) == whole[:32]
    with pytest.raises(CertificateError, match="is not a certificate"):
        certificates.fingerprint(tmp_path / "ca.key")


def hurt(path: Path, damage: str, other: Path) -> None:
    if damage == "gone":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(other.read_bytes())
