"""The tables of the reference pages are those that the product's own files make."""

from __future__ import annotations

import pytest

from tooling.reference import forms, pages


@pytest.mark.parametrize("name", pages.TABLES)
def test_the_tables_of_a_page_are_up_to_date(name: str) -> None:
    written = (pages.DOCS / name).read_text(encoding="utf-8")
    assert pages.page(name, written) == written, (
        "run: PYTHONPATH=package/bin:. .toolchain/venv/bin/python -m tooling.reference"
    )


def test_a_page_without_a_place_for_its_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"macros\.md lacks <!-- searches"):
        pages.page("macros.md", "# Macros\n")


def test_every_setting_has_a_meaning() -> None:
    without = [
        (form, field["field"])
        for form, fields in forms.pages().items()
        for field in fields
        if not forms.meaning(form, field)
    ]
    assert without == []


def test_every_meaning_belongs_to_a_setting() -> None:
    keys = {name: {field["field"] for field in fields} for name, fields in forms.pages().items()}
    keys["inputs"] = set(forms.COMMON)
    told = {(form, key.removesuffix("_more")) for form, meanings in forms.MEANINGS.items() for key in meanings}
    assert {(form, key) for form, key in told if key not in keys.get(form, ())} == set()


def test_all_inputs_have_the_settings_that_are_told_once_for_all() -> None:
    for name in forms.inputs():
        assert set(forms.COMMON) <= {field["field"] for field in forms.pages()[name]}
