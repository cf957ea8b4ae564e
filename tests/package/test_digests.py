"""Which digests the add-on computes: those that a Splunk in FIPS mode allows. ruff's S324 holds that SHA-1 is not for security."""

from __future__ import annotations

import re

from tooling import paths

ALLOWED = {"sha1", "sha256"}


def test_the_product_computes_these_digests_alone_and_says_nothing_of_md5() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (paths.PACKAGE / "bin").rglob("*.py")]
    assert {name for text in texts for name in re.findall(r"\b_?hashlib(?:\.| import )(\w+)", text)} == ALLOWED
    assert [text for text in texts if "md5" in text.lower()] == []
