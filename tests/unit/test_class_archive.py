"""The file of a class is unpacked with distrust: whoever made it, nothing of it lands outside its folder."""

import gzip
import io
import json
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_tools import class_archive
from fleet_tools.class_archive import ArchiveError, is_ours, pack, unpack

HEAD = {"schema": 1, "base": "3b", "saved": 1}
ESCAPES = [
    "../evil",
    "../../evil",
    "credentials/../../evil",
    "credentials/../evil",
    "/etc/evil",
    "//etc/evil",
    "credentials//evil",
    "./class.json",
    "credentials/./evil",
    "credentials/",
    "credentials",
    "",
    ".",
    "..",
    "evil",
    "class.json/evil",
    "CLASS.JSON",
    "data/fleet.db-wal",
    "data/../class.json",
    "broker/mosquitto.conf",
    "running.json",
    "lesson.json",
    "credentials\\..\\evil",
    "C:\\evil",
    "credentials/evil\n",
    "tls/..",
    "~/evil",
]


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes], head: object = HEAD) -> Path:
    with tarfile.open(path, "w:gz") as out:
        text = json.dumps(head).encode()
        for member, content in ((tarfile.TarInfo("fleet-class.json"), text), *members):
            if member.isreg():
                member.size = len(content)
            out.addfile(member, io.BytesIO(content))
    return path


def outside(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "inside" not in path.parts}


def test_what_was_packed_is_there_again_and_private(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"first")
    two.write_bytes(b"x" * 3_000_000)
    target = tmp_path / "class.tar"
    pack(target, "3b", {"class.json": one, "credentials/a/b": two})
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert unpack(target, tmp_path / "inside") == "3b"
    found = {path.relative_to(tmp_path / "inside").as_posix(): path for path in (tmp_path / "inside").rglob("*")}
    assert found["class.json"].read_bytes() == b"first"
    assert found["credentials/a/b"].read_bytes() == b"x" * 3_000_000
    assert {stat.S_IMODE(path.stat().st_mode) for path in found.values() if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found.values() if path.is_dir()} == {0o700}


def test_an_archive_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "class.tar"
    target.write_bytes(b"old")
    with pytest.raises(Exception, match="cannot be saved"):
        pack(target, "3b", {"class.json": tmp_path / "absent"})
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["class.tar"]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_name_that_leaves_its_place_is_refused(tmp_path: Path, name: str) -> None:
    made = archive(tmp_path / "a.tar", (tarfile.TarInfo(name), b"evil"))
    before = outside(tmp_path)
    with pytest.raises(ArchiveError, match="no file of a class"):
        unpack(made, tmp_path / "inside")
    assert outside(tmp_path) == before
    assert not [path for path in (tmp_path / "inside").rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("credentials/link")
    member.type, member.linkname = kind, "../../../etc/passwd"
    made = archive(tmp_path / "a.tar", (member, b""), (tarfile.TarInfo("credentials/link/x"), b"evil"))
    with pytest.raises(ArchiveError, match="no file of a class"):
        unpack(made, tmp_path / "inside")


def test_a_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.tar", *((tarfile.TarInfo("class.json"), word) for word in (b"good", b"evil")))
    with pytest.raises(ArchiveError, match="no file of a class"):
        unpack(made, tmp_path / "inside")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_archive, "MOST_BYTES", 1000)
    made = archive(tmp_path / "a.tar", (tarfile.TarInfo("credentials/a"), bytes(2000)))
    with pytest.raises(ArchiveError, match="larger than any class"):
        unpack(made, tmp_path / "inside")
    monkeypatch.setattr(class_archive, "MOST_FILES", 3)
    made = archive(tmp_path / "b.tar", *((tarfile.TarInfo(f"credentials/{n}"), b"") for n in range(5)))
    with pytest.raises(ArchiveError, match="more than 3 files"):
        unpack(made, tmp_path / "again")


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ([], "is not a class"),
        ({"schema": "1", "base": "3b"}, "is not a class"),
        ({"schema": 1}, "is not a class"),
        ({"schema": 2, "base": "3b"}, "newer fleet"),
    ],
)
def test_a_head_that_is_not_ours_is_refused(tmp_path: Path, head: object, why: str) -> None:
    with pytest.raises(ArchiveError, match=why):
        unpack(archive(tmp_path / "a.tar", head=head), tmp_path / "inside")


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", gzip.compress(b"hello"), gzip.compress(bytes(20_000))[:30]],
    ids=["nothing", "no gzip", "no tar in it", "half of it"],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ArchiveError):
        unpack(tmp_path / "a", tmp_path / "inside")


def test_an_archive_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(range(256)) * 40)
    pack(tmp_path / "whole", "3b", {"class.json": tmp_path / "one", "credentials/x": tmp_path / "one"})
    whole = (tmp_path / "whole").read_bytes()
    for end in range(1, len(whole) - 9, 37):  # but for the check sum at the very end
        (tmp_path / "cut").write_bytes(whole[:end])
        with pytest.raises(ArchiveError):
            unpack(tmp_path / "cut", tmp_path / f"inside-{end}")


@given(st.text(max_size=30))
def test_a_name_that_is_ours_stays_below_the_folder(name: str) -> None:
    for candidate in (name, f"credentials/{name}", f"tls/{name}/x"):
        if is_ours(candidate):
            path = Path("/folder", candidate)
            assert Path("/folder") in path.parents
            assert ".." not in path.parts
            assert "\x00" not in candidate
