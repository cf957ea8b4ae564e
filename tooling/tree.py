"""Checks the tree that UCC built: an exit status of 0 says nothing about it."""

from __future__ import annotations

import configparser
import filecmp
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from additional_packaging import NOT_SHIPPED
from tooling import paths

REQUIRED = (
    "LICENSES/Apache-2.0.txt",
    "README/inputs.conf.spec",
    "README/{conf}_account.conf.spec",
    "README/{conf}_settings.conf.spec",
    "appserver/static/js/build/entry_page.js",
    "appserver/static/js/build/globalConfig.json",
    "appserver/static/openapi.json",
    "appserver/templates/base.html",
    "bin/import_declare_test.py",
    "bin/{app}_rh_account.py",
    "bin/{app}_rh_settings.py",
    "default/app.conf",
    "default/collections.conf",
    "default/data/ui/nav/default.xml",
    "default/data/ui/views/configuration.xml",
    "default/data/ui/views/dashboard.xml",
    "default/data/ui/views/inputs.xml",
    "default/inputs.conf",
    "default/restmap.conf",
    "default/server.conf",
    "default/web.conf",
    "default/{conf}_settings.conf",
    "lib/splunktaucclib/rest_handler/admin_external.py",
    "metadata/default.meta",
    "static/appIcon.png",
    "static/appIcon_2x.png",
)
# UCC writes the version into the one; no add-on needs the other.
NOT_COPIED = ("app.manifest", "lib/requirements.txt")

COMPILED_NAMES = re.compile(r"\.(so(\.\d+)*|pyd|pyc|pyo|dll|dylib|exe|a|o|class|jar)$")
COMPILED_STARTS = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)


def problems(app: Path) -> list[str]:
    """Say what is wrong with a built tree; nothing, if it is what the sources ask for."""
    if not app.is_dir():
        return ["it was not made"]
    return [
        *missing_files(app),
        *wrong_versions(app),
        *altered_files(app),
        *wrong_libraries(app),
        *(f"{path.relative_to(app)} is compiled" for path in compiled_files(app)),
        *(f"{path.relative_to(app)} should not be shipped" for path in unwanted_files(app)),
    ]


def missing_files(app: Path) -> Iterator[str]:
    """Name what UCC generates, in general and for each input, and is not there."""
    wanted = [name.format(app=paths.APP, conf=paths.APP.lower()) for name in REQUIRED]
    config = json.loads((paths.ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    for service in config["pages"]["inputs"]["services"]:
        wanted += [f"bin/{service['name']}.py", f"bin/{paths.APP}_rh_{service['name']}.py"]
        wanted += [f"bin/{service[key]}.py" for key in ("inputHelperModule", "restHandlerModule") if key in service]
    for tab in config["pages"]["configuration"]["tabs"]:
        if "restHandlerModule" in tab:
            wanted.append(f"bin/{tab['restHandlerModule']}.py")
    for name in wanted:
        path = app / name
        if not path.is_file():
            yield f"{name} is missing"
        elif path.stat().st_size == 0:
            yield f"{name} is empty"


def wrong_versions(app: Path) -> Iterator[str]:
    """Name each place that says another version than pyproject.toml."""
    for place, version in versions(app).items():
        if version != paths.VERSION:
            yield f"{place} says version {version}, pyproject.toml {paths.VERSION}"


def versions(app: Path) -> dict[str, str | None]:
    """Give the version that each place in the tree says; None where a place says none."""
    conf = configparser.ConfigParser(strict=False, interpolation=None)
    conf.read(app / "default" / "app.conf", encoding="utf-8")
    return {
        "app.manifest": json_value(app / "app.manifest", "info", "id", "version"),
        "globalConfig.json": json_value(
            app / "appserver" / "static" / "js" / "build" / "globalConfig.json", "meta", "version"
        ),
        "app.conf [id]": conf.get("id", "version", fallback=None),
        "app.conf [launcher]": conf.get("launcher", "version", fallback=None),
    }


def json_value(path: Path, *keys: str) -> str | None:
    """Give what a JSON file holds under these keys; None if it doesn't."""
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(value)


def altered_files(app: Path) -> Iterator[str]:
    """Name what stands in package/ and is not the same in the tree."""
    for source in sorted(paths.PACKAGE.rglob("*")):
        name = source.relative_to(paths.PACKAGE)
        if not source.is_file() or "__pycache__" in name.parts or str(name) in NOT_COPIED:
            continue
        if any(part.startswith(".") for part in name.parts):
            continue
        built = app / name
        if not built.is_file():
            yield f"{name} of package/ is missing"
        elif not filecmp.cmp(source, built, shallow=False):
            yield f"{name} differs from the one in package/"


def wrong_libraries(app: Path) -> Iterator[str]:
    """Name the libraries that are there and not in the lock, and the other way round."""
    locked, installed = locked_libraries(), installed_libraries(app)
    for name in sorted(locked.keys() | installed.keys()):
        if locked.get(name) != installed.get(name):
            yield f"library {name}: the lock says {locked.get(name)}, lib/ has {installed.get(name)}"


def locked_libraries() -> dict[str, str]:
    """Give name and version of each library in the lock."""
    found = {}
    for line in paths.LIBRARIES_LOCK.read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement:
            name, _, rest = requirement.partition("==")
            found[canonical(name)] = rest.split()[0]
    return found


def installed_libraries(app: Path) -> dict[str, str]:
    """Give name and version of each library that has a METADATA file in lib/."""
    found = {}
    for metadata in app.glob("lib/*.dist-info/METADATA"):
        fields = dict(re.findall(r"^(Name|Version): *(\S+)$", metadata.read_text(encoding="utf-8"), re.MULTILINE))
        found[canonical(fields["Name"])] = fields["Version"]
    return found


def canonical(name: str) -> str:
    """Give a library's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def compiled_files(app: Path) -> list[Path]:
    """Give the files made for one kind of machine or one version of Python."""
    return [path for path in sorted(app.rglob("*")) if path.is_file() and is_compiled(path.name, first_bytes(path))]


def is_compiled(name: str, start: bytes) -> bool:
    """Tell by a file's name and first bytes whether it's compiled."""
    return bool(COMPILED_NAMES.search(name)) or start.startswith(COMPILED_STARTS)


def first_bytes(path: Path) -> bytes:
    """Give as much of a file as says what it is."""
    with path.open("rb") as stream:
        return stream.read(8)


def unwanted_files(app: Path) -> list[Path]:
    """Give what additional_packaging.py should have removed, and hidden files."""
    return sorted(path for pattern in (*NOT_SHIPPED, "**/.*") for path in app.glob(pattern))
