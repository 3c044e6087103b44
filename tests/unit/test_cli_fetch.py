"""Fetching umqtt.simple: only the pinned bytes, only the package's own files, whole or not at all."""

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fleet_tools import fetch
from support.pki import Pki

NAME = f"{fetch.PROJECT}-{fetch.VERSION}"


def archive(*names: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"a=1\n"))
    return raw.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package index on loopback that offers the file which a test puts there."""
    page = tmp_path / "index" / fetch.PROJECT.replace(".", "-")
    page.mkdir(parents=True)
    (page / "index.html").write_text(f'<a href="{NAME}.tar.gz">{NAME}.tar.gz</a>')
    handler = partial(Quiet, directory=str(tmp_path / "index"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/")
    yield page / f"{NAME}.tar.gz"
    server.shutdown()
    thread.join()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_pinned_archive_is_unpacked_once(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index.write_bytes(
        archive(f"{NAME}/umqtt/simple.py", f"{NAME}/PKG-INFO", f"{NAME}/../umqtt/evil.py", "/umqtt/evil.py")
    )
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    monkeypatch.setattr(fetch, "SHA256", digest)
    lib = tmp_path / "lib"
    assert fetch.fetch(lib)
    assert sorted(str(path.relative_to(lib)) for path in lib.rglob("*")) == [
        "umqtt",
        "umqtt/VERSION",
        "umqtt/simple.py",
    ]
    index.unlink()
    assert not fetch.fetch(lib), "it is there, so nothing is downloaded"


def test_other_bytes_than_the_pinned_ones_are_refused_and_leave_nothing(index: Path, tmp_path: Path) -> None:
    index.write_bytes(archive(f"{NAME}/umqtt/simple.py"))
    with pytest.raises(fetch.FetchError, match="sha256"):
        fetch.fetch(tmp_path / "lib")
    assert list((tmp_path / "lib").iterdir()) == []


def test_a_half_made_package_is_made_again(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index.write_bytes(archive(f"{NAME}/umqtt/simple.py"))
    monkeypatch.setattr(fetch, "SHA256", hashlib.sha256(index.read_bytes()).hexdigest())
    (tmp_path / "lib" / "umqtt").mkdir(parents=True)
    (tmp_path / "lib" / "umqtt" / "simple.py").write_text("half")
    assert fetch.fetch(tmp_path / "lib")
    assert (tmp_path / "lib" / "umqtt" / "simple.py").read_text() == "a=1\n"


def test_no_network_is_one_sentence_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(fetch.FetchError, match="PIP_INDEX_URL"):
        fetch.fetch(tmp_path / "lib")


def test_an_index_that_only_this_computer_trusts_is_trusted_as_by_pip(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A school's proxy signs with a certificate of its own, which its computers have among the system's."""
    index.write_bytes(archive(f"{NAME}/umqtt/simple.py"))
    monkeypatch.setattr(fetch, "SHA256", hashlib.sha256(index.read_bytes()).hexdigest())
    proxy = Pki(tmp_path / "pki").self_signed("localhost")
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "index")))
    server.socket = proxy.context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("PIP_INDEX_URL", f"https://localhost:{server.server_port}/")
        with pytest.raises(fetch.FetchError, match="certificate that is not trusted"):
            fetch.fetch(tmp_path / "lib")
        monkeypatch.setenv("SSL_CERT_FILE", str(proxy.cert))
        assert fetch.fetch(tmp_path / "lib")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
