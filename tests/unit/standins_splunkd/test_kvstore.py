from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from splunklib.binding import HTTPError
from standins.splunkd import Limits, Splunkd

APP = "small_app"


@pytest.fixture
def checkpoints(connect: Callable[..., Any]) -> Any:
    return connect().kvstore["places"].data


def message(error: pytest.ExceptionInfo[HTTPError]) -> str:
    return str(json.loads(error.value.body)["messages"][0]["text"])


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"_key": "b"}, ["b"]),
        ({"count": {"$gt": 1}}, ["b", "c"]),
        ({"count": {"$gte": 1, "$lt": 3}}, ["a", "b"]),
        ({"$or": [{"_key": "a"}, {"count": 3}]}, ["a", "c"]),
        ({"count": {"$not": {"$gt": 1}}}, ["a"]),
        ({"count": {"$gt": "0"}}, []),
    ],
)
def test_documented_operators_select(checkpoints: Any, query: dict[str, Any], keys: list[str]) -> None:
    checkpoints.batch_save(*({"_key": key, "count": number} for number, key in enumerate("abc", 1)))

    assert [document["_key"] for document in checkpoints.query(query=query)] == keys


@pytest.mark.parametrize(
    "query", [{"$where": "1"}, {"count": {"$regex": "1"}}, {"count": {"$ne": 1}}, {"$and": [{}]}, {"$or": []}]
)
def test_other_operators_are_refused_even_by_an_empty_collection(checkpoints: Any, query: dict[str, Any]) -> None:
    with pytest.raises(HTTPError) as refused:
        checkpoints.query(query=query)

    assert refused.value.status == 400


def test_a_batch_of_a_thousand_is_saved_and_one_more_is_refused(checkpoints: Any, splunkd: Splunkd) -> None:
    assert len(checkpoints.batch_save(*({"count": number} for number in range(1000)))) == 1000

    with pytest.raises(HTTPError) as refused:
        checkpoints.batch_save(*({"count": number} for number in range(1001)))

    assert refused.value.status == 400
    assert "max_documents_per_batch_save=1000" in message(refused)
    assert len(splunkd.kvstore.documents("places", APP)) == 1000


def test_no_more_rows_than_the_limit_come_back(checkpoints: Any, splunkd: Splunkd) -> None:
    splunkd.kvstore.limits = Limits(max_rows_per_query=2)
    checkpoints.batch_save({"_key": "a"}, {"_key": "b"}, {"_key": "c"})

    assert len(checkpoints.query()) == 2


def test_a_document_over_16_MB_refuses_its_whole_batch(checkpoints: Any, splunkd: Splunkd) -> None:
    with pytest.raises(HTTPError) as refused:
        checkpoints.batch_save({"_key": "small"}, {"_key": "big", "text": "x" * (16 * 1024 * 1024)})

    assert refused.value.status == 400
    assert splunkd.kvstore.documents("places", APP) == []


def test_a_wrong_type_is_refused_only_where_types_are_enforced(connect: Callable[..., Any]) -> None:
    store = connect().kvstore
    with pytest.raises(HTTPError) as refused:
        store["places"].data.batch_save({"_key": "a", "count": "1"})
    store["loose"].data.batch_save({"_key": "a", "count": "1", "other": 2})

    assert refused.value.status == 400
    assert store["loose"].data.query_by_id("a") == {"_key": "a", "_user": "nobody", "other": 2}
