"""Records in published shapes have the fields that an analyst would take from them."""

from __future__ import annotations

import pytest
from knowledge.current_events import KINDS, OLD_SOURCE
from knowledge.public_shapes import SHAPES, Shape
from standins.search import SearchKnowledge

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.name}, {shape.source[:24]}")


@every_shape
def test_a_record_in_a_published_shape_has_what_it_names(knowledge: SearchKnowledge, shape: Shape) -> None:
    fields = knowledge.search_fields(shape.kind.event(shape.raw))
    assert {name: fields.get(name) for name in shape.expected} == dict(shape.expected)


@every_shape
def test_it_has_the_same_where_an_old_add_on_has_indexed_it(knowledge: SearchKnowledge, shape: Shape) -> None:
    ours, old = (knowledge.search_fields(shape.kind.event(shape.raw, source=source)) for source in ("", OLD_SOURCE))
    from_source = {"source", "vendor_account", "vendor_region", "defender_input", "alert_url"}
    names = ours.keys() | old.keys() - from_source
    assert {name: old.get(name) for name in names - from_source} == {
        name: ours.get(name) for name in names - from_source
    }


def test_every_sourcetype_of_today_has_a_published_shape() -> None:
    assert {shape.kind for shape in SHAPES} == set(KINDS)
