"""The files that are made of all this."""

from __future__ import annotations

from tooling import paths
from tooling.fields import evidence, reference
from tooling.fields.conf import Source, stanzas

PROPS = paths.PACKAGE / "default" / "props.conf"
TRANSFORMS = paths.PACKAGE / "default" / "transforms.conf"
SOURCES = (
    Source("siem.conf", evidence.SIEM_VALUES),
    Source("current.conf", evidence.VALUES, evidence.TRANSFORMS),
)
MADE = "# Made of knowledge/*.conf by `python -m tooling.fields`: change it there.\n"


def props() -> str:
    """The text of props.conf."""
    return MADE + "\n" + "\n".join(stanzas(source) for source in SOURCES)


def transforms(written: str) -> str:
    """The text of transforms.conf: what is written by hand, and what is made."""
    return written.partition(MADE)[0] + MADE + "".join(source.transforms for source in SOURCES)


def write() -> None:
    """Write all of them."""
    PROPS.write_text(props(), encoding="utf-8")
    TRANSFORMS.write_text(transforms(TRANSFORMS.read_text(encoding="utf-8")), encoding="utf-8")
    reference.PAGE.write_text(reference.page(reference.PAGE.read_text(encoding="utf-8")), encoding="utf-8")
