"""The files that are made of all this."""

from __future__ import annotations

from tooling import paths
from tooling.fields import conf, evidence, reference
from tooling.fields.conf import Source, stanzas

PROPS = paths.PACKAGE / "default" / "props.conf"
TRANSFORMS = paths.PACKAGE / "default" / "transforms.conf"
SOURCES = (
    Source("siem.conf", evidence.SIEM_VALUES, siem=True),
    Source("current.conf", evidence.VALUES, transforms=evidence.TRANSFORMS),
)
EDITED = ("fields.toml", *(source.file for source in SOURCES))
"""What a maintainer edits."""
MADE = "# Made of knowledge/ by `python -m tooling.fields`: change it there.\n"


def props() -> str:
    """The text of props.conf."""
    return MADE + "\n" + "\n".join(stanzas(source) for source in SOURCES)


def transforms(written: str) -> str:
    """The text of transforms.conf: what is written by hand, and what is made."""
    return written.partition(MADE)[0] + MADE + "".join(source.transforms for source in SOURCES)


def page(written: str) -> str:
    """The text of docs/fields.md: what is written by hand, and what is made."""
    edited = {f"knowledge/{name}": (conf.KNOWLEDGE / name).read_text(encoding="utf-8") for name in EDITED}
    return reference.page(written, {**edited, reference.PROPS: props()})


def write() -> None:
    """Write all of them."""
    PROPS.write_text(props(), encoding="utf-8")
    TRANSFORMS.write_text(transforms(TRANSFORMS.read_text(encoding="utf-8")), encoding="utf-8")
    reference.PAGE.write_text(page(reference.PAGE.read_text(encoding="utf-8")), encoding="utf-8")
