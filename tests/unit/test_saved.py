"""What is read of splunkd's stored secrets and stanzas, whatever they hold."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from urllib.parse import unquote

import pytest
from defender_alerts.splunk.rest_client import Splunkd as Client
from defender_alerts.splunk.rest_client import SplunkdError, content_of, documents, entries
from defender_alerts.splunk.stored_settings import readable
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from standins.splunkd import Splunkd

END = "``splunk_cred_sep``S``splunk_cred_sep``P``splunk_cred_sep``L``splunk_cred_sep``U``splunk_cred_sep``N``splunk_cred_sep``K``splunk_cred_sep``"
PIECE = st.one_of(st.none(), st.just(""), st.text(), st.just(END), st.just("[" * 100_000), st.just("1" * 5_000))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(st.integers(0, 20), PIECE))
def test_whatever_splunkd_gives_is_a_mapping_of_texts_or_can_not_be_decrypted(pieces: Mapping[int, str | None]) -> None:
    fields = readable(pieces)
    assert fields is None or all(isinstance(text, str) for pair in fields.items() for text in pair)


@given(st.dictionaries(TEXT, TEXT, min_size=1), st.integers(1, 300), st.lists(PIECE, max_size=3))
def test_what_was_stored_is_read_whole_whatever_stands_behind_its_end(
    fields: dict[str, str], length: int, older: list[str | None]
) -> None:
    whole = json.dumps(fields)
    texts = [whole[begin : begin + length] for begin in range(0, len(whole), length)]
    pieces = dict(enumerate([*texts, END, *older], 1))
    assert readable(pieces) == fields
    # In any order, and not with one of its own pieces lost.
    assert readable(dict(reversed(pieces.items()))) == fields
    for number in range(1, len(texts) + 1):
        assert readable({**pieces, number: None}) is None


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.one_of(st.sampled_from(["entry", "name", "content"]), st.text()), inner)
    ),
)


@pytest.mark.parametrize("read", [entries, content_of, documents])
@given(answer=st.one_of(JSON, st.lists(JSON).map(lambda listed: {"entry": listed})))
def test_json_of_another_shape_is_an_error_of_splunkd_and_none_of_python(
    read: Callable[[object], object], answer: object
) -> None:
    with contextlib.suppress(SplunkdError):
        assert isinstance(read(answer), (list, dict))


def test_what_splunkd_lists_is_read_whole() -> None:
    answer = {"entry": [{"name": "eu", "content": {"index": "main"}}, {"name": "us", "content": {}}]}
    assert entries(answer) == [("eu", {"index": "main"}), ("us", {})]
    assert content_of(answer) == {"index": "main"}
    assert documents([{"_key": "a"}]) == [{"_key": "a"}]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT)
@example(".")
@example("..")
def test_any_name_of_a_stanza_arrives_quoted_once(splunkd: Splunkd, name: str) -> None:
    client = Client(splunkd.server_uri, splunkd.session_key())
    client.stanza("ta_defender_alerts_account", name)
    assert unquote(splunkd.journal[-1].path.rpartition("/")[2]) == name
