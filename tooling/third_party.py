"""What the tarball holds of others: each library in lib/, copies inside of those, and what UCC's pages are made of."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tooling.tree import canonical

NOTICES = "LICENSES/third-party.txt"
PAGES = "appserver/static/js/build"
PAGES_LICENCES = f"{PAGES}/licenses.txt"
NO_LICENCE = "NOASSERTION"
"""SPDX's word for a component whose authors name no licence."""


@dataclass(frozen=True)
class Component:
    """Something of somebody else.

    Attributes:
        registry: `pypi` or `npm`, where name and version are known; `generic` for a copy inside of another component.
        name: as its registry spells it.
        version: as its registry spells it.
        licence: an SPDX expression, or where there is none for it, what the authors say.
        texts: the files in the add-on's folder that hold the licence's text; none if the authors supply none.
        within: the file or folder in the add-on's folder that it is.
    """

    registry: str
    name: str
    version: str
    licence: str
    texts: tuple[str, ...]
    within: str


SPDX = {
    "defusedxml": "PSF-2.0",
    "deprecation": "Apache-2.0",
    "pysocks": "BSD-3-Clause",
    "sortedcontainers": "Apache-2.0",
    "splunk-sdk": "Apache-2.0",
}
"""The licence by library, where its metadata name it otherwise than SPDX does."""
TEXTS = {"splunk-sdk": ("LICENSES/Apache-2.0.txt",)}
"""The licence's text by library, where the library comes without."""
STANDARD_TEXTS = {"MIT": "LICENSES/MIT.txt"}
"""The text by licence, for parts of the pages that come without."""
COPIES = (
    Component("generic", "six", "1.14.0", "MIT", ("lib/splunklib/six.py",), "lib/splunklib/six.py"),
    Component("generic", "six", "1.16.0", "MIT", ("lib/urllib3/packages/six.py",), "lib/urllib3/packages/six.py"),
    Component(
        "generic",
        "hatchling",
        "5352e44",
        "MIT",
        ("lib/packaging/licenses/__init__.py",),
        "lib/packaging/licenses",
    ),
    Component(
        "generic",
        "cpython",
        "3.5",
        "PSF-2.0",
        ("LICENSES/PSF-2.0.txt",),
        "lib/urllib3/util/ssl_match_hostname.py",
    ),
    Component(
        "generic",
        "cpython",
        "3.4",
        "PSF-2.0",
        ("LICENSES/PSF-2.0.txt",),
        "lib/urllib3/packages/backports",
    ),
)
"""What libraries have copied from others, by what the copies themselves say."""

_LICENCE_FILE = re.compile(r"(?i)(licen[cs]e|copying|notice|authors)")


def components(app: Path) -> list[Component]:
    """Give everything of others in a built tree: libraries, copies inside of them, parts of the pages."""
    return [*libraries(app), *COPIES, *parts_of_pages(app)]


def libraries(app: Path) -> list[Component]:
    """Give the libraries in lib/, by the metadata that pip has installed with them."""
    return sorted(map(_library, app.glob("lib/*.dist-info")), key=lambda library: canonical(library.name))


def _library(info: Path) -> Component:
    metadata = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
    name = canonical(metadata["Name"])
    licence = SPDX.get(name) or metadata["License-Expression"] or metadata["License"] or NO_LICENCE
    app = info.parent.parent
    own = (path for path in info.rglob("*") if path.is_file() and _LICENCE_FILE.match(path.name))
    texts = tuple(sorted(path.relative_to(app).as_posix() for path in own)) or TEXTS.get(name, ())
    return Component("pypi", metadata["Name"], metadata["Version"], licence, texts, "lib")


def parts_of_pages(app: Path) -> list[Component]:
    """Give the packages that UCC's pages were bundled from, by the list that UCC ships with them."""
    text = (app / PAGES_LICENCES).read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^Name: .*?(?=^---\n\nName: |\Z)", text)
    return sorted(set(map(_part_of_pages, blocks)), key=lambda part: (part.name, part.version))


def _part_of_pages(block: str) -> Component:
    said, _, text = block.partition("License Text:\n")
    fields = dict(re.findall(r"(?m)^(Name|Version|License): (.*)$", said))
    licence = fields["License"] if fields["License"] != "null" else NO_LICENCE
    standard = STANDARD_TEXTS.get(licence)
    texts = (PAGES_LICENCES,) if text else (standard,) if standard else ()
    return Component("npm", fields["Name"], fields["Version"], licence, texts, PAGES)


def problems(app: Path) -> Iterator[str]:
    """Name each library without a text of its licence, and each text or copy that is not where it should be."""
    for component in components(app):
        if component.registry != "npm" and not component.texts:
            yield f"{component.name} comes without the text of its licence: name one in tooling/third_party.py"
        for name in (*component.texts, component.within):
            if not (app / name).exists():
                yield f"{name}, named for {component.name}, is missing"


def notices(app: Path) -> str:
    """Give the text that goes with the add-on: what of others is in it, by which licence, and where to read that."""
    return "\n".join(
        [
            "What this add-on holds of others. Paths are those in the add-on's folder.",
            "",
            "Python libraries in lib/, and what they have copied from others",
            "",
            *map(_notice, [*libraries(app), *COPIES]),
            "",
            f"JavaScript packages in {PAGES}/, bundled by Splunk's UCC framework (splunk_add_on_ucc_framework,",
            f"Apache-2.0); {PAGES_LICENCES} names their authors",
            "",
            *map(_notice, parts_of_pages(app)),
            "",
        ]
    )


def _notice(component: Component) -> str:
    where = f" ({component.within})" if component.registry == "generic" else ""
    text = ", ".join(component.texts) or "its authors supply no text"
    return f"- {component.name} {component.version}{where}: {component.licence}. {text}"
