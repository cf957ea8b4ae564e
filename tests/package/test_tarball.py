"""The tarball: what it holds is all that a user gets."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tooling import package, paths


@pytest.fixture(scope="module")
def archive(tarball: Path) -> Iterator[tarfile.TarFile]:
    with tarfile.open(tarball) as opened:
        yield opened


def test_it_is_named_after_the_add_on_and_its_version(tarball: Path) -> None:
    assert tarball.name == f"TA_defender_alerts-{paths.VERSION}.tar.gz"


def test_it_is_small_enough(tarball: Path) -> None:
    assert package.tarball_problems(tarball) == []
    assert tarball.stat().st_size < 6_000_000


def test_it_holds_one_folder_of_plain_files(archive: tarfile.TarFile) -> None:
    members = archive.getmembers()
    assert {member.name.split("/")[0] for member in members} == {"TA_defender_alerts"}
    assert [member.name for member in members if not (member.isfile() or member.isdir())] == []


def test_it_holds_the_same_files_as_the_built_tree(archive: tarfile.TarFile, built_app: Path) -> None:
    in_tree = {str(path.relative_to(built_app.parent)) for path in built_app.rglob("*") if path.is_file()}
    in_archive = {member.name for member in archive.getmembers() if member.isfile()}
    assert in_archive == {name for name in in_tree if "__pycache__" not in name}
