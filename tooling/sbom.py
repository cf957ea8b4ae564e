"""The list of what the tarball holds of others, and of what is known against that, for programs: CycloneDX 1.5.

It runs on the development environment.
"""

from __future__ import annotations

import hashlib
import re
import sys
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot5
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tooling import paths, reproducible, third_party, vex
from tooling.tree import canonical

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/" + paths.APP)


def document(app: Path, tarball: Path) -> str:
    """Give the list as JSON, the same for the same tarball.

    Args:
        app: the built tree.
        tarball: what was made of it.
    """
    digest = sha256(tarball)
    add_on = Component(
        type=ComponentType.APPLICATION,
        name=paths.APP,
        version=paths.VERSION,
        bom_ref=paths.APP,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        properties=[Property(name="commit", value=reproducible.commit())],
    )
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, digest))
    bom.metadata.component = add_on
    bom.metadata.timestamp = datetime.fromtimestamp(reproducible.source_time(), UTC)
    hashes = locked_hashes()
    parts = [
        *(_component(part, hashes) for part in third_party.components(app)),
        *(_file(path, app) for path in sorted((app / third_party.PAGES).glob("*.js"))),
        _ucc(),
    ]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(add_on, parts)
    for vulnerability in vex.vulnerabilities():
        bom.vulnerabilities.add(vulnerability)
    return JsonV1Dot5(bom).output_as_string(indent=2) + "\n"


def problems(text: str) -> list[str]:
    """Say where a document breaks CycloneDX's own schema; nothing, if it keeps it."""
    found = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text, all_errors=True)
    return [str(error) for error in found or ()]


def locked_hashes() -> dict[str, str]:
    """Give the SHA-256 of the archive that each library was installed from, by the lock."""
    text = paths.LIBRARIES_LOCK.read_text(encoding="utf-8")
    return {canonical(name): digest for name, digest in re.findall(r"(?m)^([\w.-]+)==\S+ --hash=sha256:(\w+)", text)}


def sha256(path: Path) -> str:
    """Give a file's SHA-256, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _component(part: third_party.Component, hashes: dict[str, str]) -> Component:
    digest = hashes.get(canonical(part.name)) if part.registry == "pypi" else None
    namespace, _, name = part.name.rpartition("/")
    address = PackageURL(part.registry, namespace or None, name, part.version)
    return Component(
        type=ComponentType.LIBRARY,
        group=namespace or None,
        name=name,
        version=part.version,
        purl=address,
        bom_ref=address.to_string(),
        licenses=[] if part.licence == third_party.NO_LICENCE else [LicenseFactory().make_from_string(part.licence)],
        hashes=_hashes(digest),
        properties=[Property(name="within", value=part.within)],
    )


def _file(path: Path, app: Path) -> Component:
    name = path.relative_to(app).as_posix()
    return Component(type=ComponentType.FILE, name=name, bom_ref=name, hashes=_hashes(sha256(path)))


def _ucc() -> Component:
    """Give UCC itself: it wrote the pages' bundles and the generated Python files."""
    lock = (paths.TOOLING / "requirements-dev.txt").read_text(encoding="utf-8")
    name = "splunk-add-on-ucc-framework"
    version = next(
        version for pinned, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", lock) if canonical(pinned) == name
    )
    address = PackageURL("pypi", None, name, version)
    return Component(
        type=ComponentType.FRAMEWORK,
        name=name,
        version=version,
        purl=address,
        bom_ref=address.to_string(),
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )


def _hashes(digest: str | None) -> Iterable[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)] if digest else []


def main(app: Path, tarball: Path, to: Path) -> int:
    """Write the list; 1 if it breaks the schema."""
    text = document(app, tarball)
    to.write_text(text, encoding="utf-8")
    found = problems(text)
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
