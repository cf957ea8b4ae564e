from __future__ import annotations

import pytest
from standins.microsoft import json_members


@pytest.mark.parametrize(("raw", "expected"), [
    (b'{"evidence":[{"a":"]"}],"b":1}', b'{"evidence":[],"b":1}'),
    (b' {\r\n "b" : {"evidence":[1]} ,\t"evidence" : [ 1 , [] ] }\n', b' {\r\n "b" : {"evidence":[1]} ,\t"evidence" : [] }\n'),
    (b'{"a":"\\"evidence\\":[1]","evidence":null}', b'{"a":"\\"evidence\\":[1]","evidence":[]}'),
    (b'{"a":"\xff\xc3\xa9","evidence":[1]}', b'{"a":"\xff\xc3\xa9","evidence":[]}'),
    (b'{"a":{"evidence":[1]}}', b'{"a":{"evidence":[1]}}'),
    (b"{}", b"{}"),
])  # fmt: skip
def test_one_member_is_replaced_and_every_other_byte_stays(raw: bytes, expected: bytes) -> None:
    assert json_members.replaced(raw, "evidence", b"[]") == expected


def test_a_member_is_added_at_the_end() -> None:
    assert json_members.extended(b'{"a": 1\r\n}\r\n', "b", b"[]") == b'{"a": 1\r\n,"b":[]}\r\n'
    assert json_members.extended(b"{ }", "b", b"[]") == b'{ "b":[]}'


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        json_members.replaced(b"[1]", "a", b"[]")
    with pytest.raises(ValueError, match="not a JSON object"):
        json_members.extended(b"[1]", "a", b"[]")
