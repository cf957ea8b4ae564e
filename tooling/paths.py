"""Where everything is. What build.sh makes is in TOOLCHAIN, OUTPUT and DIST, all ignored by git."""

import os
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLING = ROOT / "tooling"
PACKAGE = ROOT / "package"
# For what is started as a module: the tests and their stand-ins, the folders of this level, and the add-on's own code.
SEARCH_PATH = os.pathsep.join(map(str, (ROOT / "tests", ROOT, PACKAGE / "bin")))
LIBRARIES_LOCK = PACKAGE / "lib" / "requirements.txt"

TOOLCHAIN = ROOT / ".toolchain"
LOGS = TOOLCHAIN / "log"
OUTPUT = ROOT / "output"
DIST = ROOT / "dist"

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
APP: str = PROJECT["name"]
# The one place that says the version. UCC writes it into everything that it builds.
VERSION: str = PROJECT["version"]

BUILT_APP = OUTPUT / APP
TARBALL = DIST / f"{APP}-{VERSION}.tar.gz"
