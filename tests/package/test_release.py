"""A release: one version everywhere, the same bits from the same commit, and nothing of others without a word on it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from packaging.licenses import canonicalize_license_expression

from tooling import inspection, package, paths, publishing, reproducible, sbom, third_party, tree

BUNDLES = "appserver/static/js/build/*.js"


# One version


def test_no_source_but_pyproject_says_a_version() -> None:
    config = json.loads((paths.ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    manifest = json.loads((paths.PACKAGE / "app.manifest").read_text(encoding="utf-8"))
    # Both keys have to be there; UCC fills them in.
    assert (config["meta"]["version"], manifest["info"]["id"]["version"]) == ("0.0.0", "0.0.0")
    assert not (paths.PACKAGE / "default" / "app.conf").exists()


def test_the_changelog_begins_with_the_version_of_pyproject() -> None:
    assert publishing.changelog_version(publishing.CHANGELOG.read_text(encoding="utf-8")) == paths.VERSION


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("# Changelog\n\n## [Unreleased]\n\nWhat becomes 0.2.0.\n\n## [0.1.0] - 2026-11-30\n", "0.2.0"),
        ("# Changelog\n\n## [0.1.0] - 2026-11-30\n\n## [0.0.9]\n", "0.1.0"),
        ("# Changelog\n\nNothing yet.\n", None),
    ],
)
def test_a_changelog_begins_with_a_version_or_with_what_becomes_one(text: str, version: str | None) -> None:
    assert publishing.changelog_version(text) == version


# The same bits


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def two_builds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give the tarballs of two runs of ucc-gen: other folders, at other times, with other rights for new files."""
    made = []
    for name, mask in (("one", 0o022), ("another-with-a-longer-name", 0o077)):
        with umask(mask):
            made.append(package.make(tmp_path_factory.mktemp(name) / "work", f"ucc-gen-{name}"))
    return made


def test_two_builds_are_the_same_bit_for_bit(two_builds: list[Path]) -> None:
    one, other = (tarball.read_bytes() for tarball in two_builds)
    assert one == other, "what differs: tar -tvf, and diff -r of the two unpacked"


def test_the_tarball_says_nothing_of_who_built_it_and_when(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        entries = archive.getmembers()
    assert {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {(0, 0, "", "")}
    assert len({entry.mtime for entry in entries}) == 1
    assert {entry.mode for entry in entries if entry.isfile()} == {0o644}
    assert {entry.mode for entry in entries if entry.isdir()} == {0o755}
    with tarball.open("rb") as stream:
        assert stream.read(4) == b"\x1f\x8b\x08\x00", "gzip's header has a file's name, or more"


def test_the_time_of_the_build_in_the_tree_is_that_of_the_entries(tarball: Path, built_app: Path) -> None:
    with tarfile.open(tarball) as archive:
        seconds = int(archive.getmembers()[0].mtime)
    for name, pattern in reproducible.BUILD_TIMES.items():
        found = pattern.findall((built_app / name).read_text(encoding="utf-8"))
        assert found
        assert len(re.findall(rf"\b{seconds}\b", (built_app / name).read_text(encoding="utf-8"))) == len(found)


def test_a_tree_in_which_ucc_writes_its_time_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "app.conf").write_text("[install]\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"app\.conf has no time of the build"):
        reproducible.settle(tmp_path, 1)


def packed(folder: Path, seconds: int, *, backwards: bool = False) -> bytes:
    """Pack a tree of two files and a cache of Python's, made in this order or backwards."""
    app = folder / "app"
    (app / "bin" / "__pycache__").mkdir(parents=True)
    names = ["bin/a.py", "bin/b.py", "bin/__pycache__/a.pyc"]
    for name in reversed(names) if backwards else names:
        (app / name).write_text(name, encoding="utf-8")
    reproducible.pack(app, folder / "x.tar.gz", seconds)
    return (folder / "x.tar.gz").read_bytes()


def test_neither_the_order_of_files_nor_their_times_and_rights_are_packed(tmp_path: Path) -> None:
    with umask(0o077):
        one = packed(tmp_path / "one", 1_800_000_000)
    two = packed(tmp_path / "two", 1_800_000_000, backwards=True)
    assert one == two
    assert one != packed(tmp_path / "three", 1_800_000_001)
    with tarfile.open(tmp_path / "one" / "x.tar.gz") as archive:
        assert archive.getnames() == ["app", "app/bin", "app/bin/a.py", "app/bin/b.py"]
    # RFC 1952: no flag, so no file's name; then the time.
    assert (one[3], int.from_bytes(one[4:8], "little")) == (0, 1_800_000_000)
    assert gzip.decompress(one)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    command = ("git", "-C", str(folder), *who, *arguments)
    dated = {**os.environ, "GIT_COMMITTER_DATE": "1800000000 +0100"}
    return subprocess.run(command, env=dated, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository with what a tarball is made from, changed last long before it was committed."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name in reproducible.SOURCES:
        (tmp_path / name).write_text("as committed", encoding="utf-8")
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    return tmp_path


def test_a_build_bears_the_time_of_its_commit_unless_it_is_told_another(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sources / "notes of somebody").touch()
    assert reproducible.commit(sources) == git(sources, "rev-parse", "HEAD")
    assert reproducible.source_time(sources) == 1_800_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    assert reproducible.source_time(sources) == 1_600_000_000


def test_a_build_of_changed_files_bears_the_time_of_the_last_change(sources: Path) -> None:
    (sources / "globalConfig.json").write_text("changed", encoding="utf-8")
    os.utime(sources / "globalConfig.json", (1_810_000_000, 1_810_000_000))
    assert reproducible.commit(sources) == git(sources, "rev-parse", "HEAD") + "-dirty"
    assert reproducible.source_time(sources) == 1_810_000_000


def test_a_build_outside_of_a_repository_bears_the_time_of_the_last_change(sources: Path) -> None:
    shutil.rmtree(sources / ".git")
    assert reproducible.commit(sources) == ""
    assert reproducible.source_time(sources) == 1_700_000_000


# What is in it of others


@pytest.fixture(scope="module")
def bill(built_app: Path, tarball: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(sbom.document(built_app, tarball))
    return document


def test_the_sbom_keeps_cyclonedx_own_schema(built_app: Path, tarball: Path, bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert sbom.problems(sbom.document(built_app, tarball)) == []


def test_a_document_that_breaks_the_schema_is_found(bill: dict[str, Any]) -> None:
    broken = {**bill, "components": [{"type": "library"}]}
    assert sbom.problems(json.dumps(broken))


def test_the_sbom_of_a_tarball_is_always_the_same(built_app: Path, tarball: Path) -> None:
    assert sbom.document(built_app, tarball) == sbom.document(built_app, tarball)


def test_the_sbom_speaks_of_this_tarball(bill: dict[str, Any], tarball: Path) -> None:
    about = bill["metadata"]["component"]
    assert (about["name"], about["version"]) == (paths.APP, paths.VERSION)
    assert about["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(tarball.read_bytes()).hexdigest()}]


def test_the_sbom_names_each_library_with_version_licence_and_hash(bill: dict[str, Any], built_app: Path) -> None:
    named = {
        tree.canonical(part["name"]): part["version"]
        for part in bill["components"]
        if part["type"] == "library" and part.get("purl", "").startswith("pkg:pypi/")
    }
    assert named == tree.installed_libraries(built_app)
    incomplete = [
        part["name"]
        for part in bill["components"]
        if part.get("purl", "").startswith("pkg:pypi/") and part["type"] == "library"
        if not (part.get("hashes") and part.get("licenses"))
    ]
    assert incomplete == []


def test_the_sbom_names_every_bundle_of_the_pages_by_its_hash(bill: dict[str, Any], built_app: Path) -> None:
    named = {part["name"]: part["hashes"][0]["content"] for part in bill["components"] if part["type"] == "file"}
    there = {path.relative_to(built_app).as_posix(): sbom.sha256(path) for path in built_app.glob(BUNDLES)}
    assert named == there
    assert there


def test_the_sbom_names_every_package_that_uccs_list_has(bill: dict[str, Any], built_app: Path) -> None:
    listed = (built_app / third_party.PAGES_LICENCES).read_text(encoding="utf-8")
    names = set(re.findall(r"(?m)^Name: (.+)\nVersion: (.+)$", listed))
    found = {
        ("/".join(filter(None, (part.get("group"), part["name"]))), part["version"])
        for part in bill["components"]
        if part.get("purl", "").startswith("pkg:npm/")
    }
    assert found == names


def test_every_library_is_pinned_by_the_hash_of_its_archive() -> None:
    assert sbom.locked_hashes().keys() == tree.locked_libraries().keys()
    assert "--require-hashes" in package.PIP_FLAGS


def test_every_library_and_every_copy_has_a_licence_by_its_spdx_name(built_app: Path) -> None:
    for component in [*third_party.libraries(built_app), *third_party.COPIES]:
        assert canonicalize_license_expression(component.licence) == component.licence, component.name


def test_the_text_of_every_librarys_licence_is_in_the_tarball(built_app: Path, tarball: Path) -> None:
    assert list(third_party.problems(built_app)) == []
    with tarfile.open(tarball) as archive:
        names = set(archive.getnames())
    for component in third_party.components(built_app):
        assert {f"{paths.APP}/{text}" for text in component.texts} <= names, component.name


def test_the_notices_name_everything_of_others(tarball: Path, built_app: Path) -> None:
    with tarfile.open(tarball) as archive:
        stream = archive.extractfile(f"{paths.APP}/{third_party.NOTICES}")
        assert stream is not None
        text = stream.read().decode("utf-8")
    missing = [
        component
        for component in third_party.components(built_app)
        if not re.search(rf"(?m)^- {re.escape(component.name)} {re.escape(component.version)}\b.*: ", text)
    ]
    assert missing == []


def test_a_library_without_the_text_of_its_licence_is_refused(built_app: Path, tmp_path: Path) -> None:
    (tmp_path / "lib" / "x-1.dist-info").mkdir(parents=True)
    metadata = tmp_path / "lib" / "x-1.dist-info" / "METADATA"
    metadata.write_text("Name: x\nVersion: 1\nLicense: MIT\n", encoding="utf-8")
    pages = tmp_path / third_party.PAGES_LICENCES
    pages.parent.mkdir(parents=True)
    pages.write_bytes((built_app / third_party.PAGES_LICENCES).read_bytes())
    found = list(third_party.problems(tmp_path))
    assert "x comes without the text of its licence: name one in tooling/third_party.py" in found
    assert any("six.py, named for six, is missing" in problem for problem in found)


# Words by which a file says that it was taken from elsewhere, and where libraries usually keep such files.
COPIED_WORDS = re.compile(
    r"(?i)^#? *(adapted|copied|vendored) from|the code comes from|is under the \w+ license", re.MULTILINE
)
COPIED_PLACES = re.compile(r"(^|/)(_?vendor(ed)?|_?extern(al)?|third_?party|backports|six\.py)(/|$)")


def test_every_copy_inside_of_a_library_is_named(built_app: Path) -> None:
    copied = set()
    for path in (built_app / "lib").rglob("*.py"):
        name = path.relative_to(built_app).as_posix()
        text = path.read_text(encoding="utf-8", errors="replace")
        if COPIED_PLACES.search(name) or COPIED_WORDS.search(text[:4_000]):
            copied.add(name)
    named = [copy.within for copy in third_party.COPIES]
    assert {name for name in copied if not any(name.startswith(checkpoint) for checkpoint in named)} == set()
    assert {checkpoint for checkpoint in named if not any(name.startswith(checkpoint) for name in copied)} == set()


# AppInspect


def finding(*files: str, check: str = "check_for_splunk_js", result: str = "warning") -> str:
    messages = [{"message": "about it", "message_filename": file} for file in files]
    row = {"name": check, "result": result, "messages": messages}
    summary = {"error": 0, "failure": 0, "warning": 0, "success": 1} | {result: 1}
    return json.dumps({"summary": summary, "reports": [{"groups": [{"checks": [row]}]}]})


def test_a_warning_that_is_explained_passes_and_is_named() -> None:
    found = inspection.parse(finding("appserver/static/js/build/entry_page.js"))
    assert (found.passed, str(found)) == (True, "0 errors, 0 failures, 1 warnings")
    assert [one.check for one in found.of("warning")] == ["check_for_splunk_js"]


def test_an_inspection_that_checked_nothing_has_not_passed() -> None:
    nothing = {"summary": dict.fromkeys(("error", "failure", "success"), 0), "reports": [{"groups": []}]}
    assert not inspection.parse(json.dumps(nothing)).passed


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        # Another file, another file too, another check, no file, and a failure to come.
        (finding("bin/new.py"), "not explained in appinspect-warnings.toml: check_"),
        (
            finding("appserver/static/js/build/entry_page.js", "bin/new.py"),
            "not explained in appinspect-warnings.toml: check_",
        ),
        (finding("bin/new.py", check="check_that_is_new"), "not explained in appinspect-warnings.toml: check_"),
        (finding("None"), "not explained in appinspect-warnings.toml: check_"),
        (
            finding("bin/new.py", check="check_that_is_new", result="future_failure"),
            "not explained in appinspect-warnings.toml: check_",
        ),
        (finding("bin/new.py", check="check_x", result="failure"), "failure: check_x: about it"),
        (finding("bin/new.py", check="check_x", result="error"), "error: check_x: about it"),
    ],
)
def test_what_nobody_has_explained_fails_an_inspection_and_is_shown(
    report: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = inspection.parse(report)
    assert not found.passed
    inspection.show(found)
    assert shown in capsys.readouterr().out


def test_each_explanation_says_something_about_some_file() -> None:
    assert [each.check for each in inspection.explanations() if not (each.files and len(each.why) > 20)] == []


def test_a_release_is_inspected_for_splunk_cloud_and_for_splunks_to_come() -> None:
    assert {"cloud", "private_victoria", "future"} < set(publishing.TAGS)


def test_the_summary_of_the_inspections_says_why_each_warning_remains() -> None:
    report = inspection.parse(finding("appserver/static/js/build/entry_page.js"))
    text = publishing.summary({"cloud": report})
    (explained,) = (each for each in inspection.explanations() if each.check == "check_for_splunk_js")
    assert f"| `check_for_splunk_js` | {explained.why} |" in text
    assert "| cloud | 0 errors, 0 failures, 1 warnings |" in text


def test_the_checksums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    for name in ("b.json", "a.tar.gz"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "x.sha256").write_text(publishing.checksums(tmp_path.iterdir()), encoding="utf-8")
    again = publishing.checksums(tmp_path.iterdir())
    assert again == (tmp_path / "x.sha256").read_text(encoding="utf-8")
    done = subprocess.run(["sha256sum", "-c", "x.sha256"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "a.tar.gz: OK\nb.json: OK\n")
