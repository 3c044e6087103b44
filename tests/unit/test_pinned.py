"""Files of others: taken if they are what they were, refused with a sentence if not, and fetched only once."""

import hashlib
import io
import re
import tarfile
from pathlib import Path

import pytest

from fleet_tools import pinned
from fleet_tools.fetch import FetchError


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pinned, "CACHE", tmp_path / "cache")
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("package/dist/core.js", "package/dist/core.js.map", "package/../../evil.js", "package/README.md"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))
    return path


def test_only_what_is_wanted_is_taken_and_a_second_time_nothing_is_fetched(archive: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    wanted = re.compile(r"dist/\w+\.js|README\.md")
    for _ in range(2):
        folder = pinned.unpacked("core", archive.as_uri(), digest, wanted)
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert found == {"dist/core.js", "README.md"}
        archive.unlink(missing_ok=True)
    assert not list(tmp_path.rglob("evil.js"))


def test_what_is_not_the_file_that_it_was_is_refused(archive: Path) -> None:
    with pytest.raises(FetchError, match="is not the file that it was"):
        pinned.unpacked("core", archive.as_uri(), "0" * 64, re.compile(".*"))
    assert not pinned.CACHE.exists()


def test_what_cannot_be_fetched_is_told_with_what_to_do(archive: Path) -> None:
    archive.unlink()
    with pytest.raises(FetchError, match=r"cannot be fetched \(.*\): connect to the Internet once"):
        pinned.download(archive.as_uri(), "0" * 64)
