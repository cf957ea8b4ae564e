"""Records in published shapes have the fields that an analyst would take from them."""

from __future__ import annotations

import pytest
from knowledge.current_events import KINDS
from knowledge.public_shapes import SHAPES, Shape
from standins.search import SearchKnowledge

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.name}, {shape.source[:24]}")


@every_shape
def test_a_record_in_a_published_shape_has_what_it_names(knowledge: SearchKnowledge, shape: Shape) -> None:
    fields = knowledge.search_fields(shape.kind.event(shape.raw))
    assert {name: fields.get(name) for name in shape.expected} == dict(shape.expected)


def test_every_sourcetype_of_today_has_a_published_shape() -> None:
    assert {shape.kind for shape in SHAPES} == set(KINDS)
