"""The App Key Value Store: collections, documents, limits, states and faults.

Sources: Splunk REST API Reference "KV store endpoint descriptions"; limits.conf.spec [kvstore];
collections.conf.spec (enforceTypes); Admin Manual "KV store troubleshooting tools" (the states' names);
"Manage the KV store workload with read-only mode" (9.4.2 and later). Answers measured on a real 10.4.2 by
the public project mockdr are marked "measured"; what nobody documents is marked "assumed".
"""

from __future__ import annotations

import enum
import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from standins.splunkd import kvquery
from standins.splunkd.answers import Answer, Refusal, as_json
from standins.splunkd.conf import ConfFiles
from standins.splunkd.faults import Fault, Faults
from standins.splunkd.https import Request
from standins.splunkd.kvquery import Document


class KVStoreState(enum.Enum):
    """States of the store; the values are those of server/info's kvStoreStatus and of kvstore/status."""

    READY = "ready"
    STARTING = "starting"
    DISABLED = "disabled"
    FAILED = "failed"
    SHUTTING_DOWN = "shuttingdown"


@dataclass(frozen=True)
class Limits:
    """limits.conf [kvstore] and MongoDB's limit of a document (16 MB of BSON; counted here as JSON)."""

    max_documents_per_batch_save: int = 1000
    max_size_per_batch_save: int = 50 * 1024 * 1024
    max_rows_per_query: int = 50_000
    max_size_per_result: int = 50 * 1024 * 1024
    max_document: int = 16 * 1024 * 1024


def _too_much(detail: str) -> Refusal:
    """Wording of the first half documented by many users' logs for batch_save; assumed for the others."""
    return Refusal(400, f"Request exceeds API limits - see limits.conf for details. ({detail})")


# Status and text of every state but ready. STARTING is attested by solnlib's docstrings (503) and by many
# public add-ons that match this text, also for storage/collections/config. The others are assumed; the
# second half of FAILED is what search-time lookups say. Replace an entry to try another answer.
STATE_ANSWERS: dict[KVStoreState, tuple[int, str]] = {
    KVStoreState.STARTING: (503, "KV Store is initializing. Please try again later."),
    KVStoreState.DISABLED: (503, "KV Store is disabled."),
    KVStoreState.FAILED: (
        503,
        "KV Store initialization has failed. Please contact your system administrator.",
    ),
    KVStoreState.SHUTTING_DOWN: (503, "KV Store is shutting down."),
}
READ_ONLY_ANSWER = (503, "KV Store is in read-only mode.")  # assumed

_FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "bool": (bool,),
    "string": (str,),
    "time": (int, float, str),
    "array": (list,),
    "cidr": (str,),
}

_DATA = r"/storage/collections/data/"
_WRITES = frozenset({"POST", "PUT", "DELETE"})
_ARGUMENTS = frozenset({"query", "fields", "output_mode"})


@dataclass
class _Collection:
    """Documents by (owner, key), each as the JSON it will be answered with."""

    documents: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Target:
    """What a call is about: one collection as one owner sees it."""

    app: str
    name: str
    owner: str
    found: _Collection


class KVStore:
    """One instance's KV store. Tests set `state`, `read_only` and `limits`, and add faults."""

    def __init__(self, conf: ConfFiles, faults: Faults) -> None:
        self._faults = faults
        self._conf = conf
        self._lock = threading.Lock()
        self.clear()

    # What tests script and look at.

    def clear(self) -> None:
        """Be as after an installation."""
        self.state = KVStoreState.READY
        self.read_only = False
        self.limits = Limits()
        self.answers = dict(STATE_ANSWERS)
        self._collections: dict[tuple[str, str], _Collection] = {}

    def refuse_next(self, times: int, status: int = 503, text: str = "Service Unavailable") -> Fault:
        """The next calls for data are refused, whatever they are."""
        return self._faults.add(Fault(_DATA, times=times, status=status, text=text))

    def drop_next(self, times: int, *, applied: bool = False) -> Fault:
        """The next calls for data get no answer; with `applied` they are carried out all the same."""
        return self._faults.add(Fault(_DATA, times=times, dropped=True, applied=applied))

    def slow_down(self, seconds: float) -> Fault:
        """Every call for data takes this long, until the fault is removed."""
        return self._faults.add(Fault(_DATA, delay=seconds))

    def fail_writes(
        self, *, of: str = "", after: int = 0, times: int | None = None, status: int = 503, applied: bool = False
    ) -> Fault:
        """Writes are refused after so many that went well; with `applied` they are stored all the same.

        With `of` (a pattern) it is the saves of documents whose key contains that, and no other call.
        """
        body = rf'"_key": ?"[^"]*{of}' if of else ""
        text = "write failed"
        fault = Fault(_DATA, _WRITES, skip=after, times=times, status=status, text=text, applied=applied, body=body)
        return self._faults.add(fault)

    def documents(self, collection: str, app: str = "TA_defender_alerts") -> list[Document]:
        """All documents of a collection, all owners', in the order of their keys."""
        with self._lock:
            stored = dict(self._collections.get((app, collection), _Collection()).documents)
        return [json.loads(stored[checkpoint]) for checkpoint in sorted(stored)]

    def put(self, collection: str, document: Document, app: str = "TA_defender_alerts") -> None:
        """Store a document under the owner nobody, past every check."""
        with self._lock:
            found = self._collections.setdefault((app, collection), _Collection())
            found.documents["nobody", document["_key"]] = json.dumps({"_user": "nobody", **document})

    def remove(self, collection: str, key: str | None = None, app: str = "TA_defender_alerts") -> None:
        """One document, or all, are gone, as after a restore from an image or `splunk clean kvstore`."""
        with self._lock:
            found = self._collections.get((app, collection), _Collection())
            for checkpoint in list(found.documents):
                if key is None or checkpoint[1] == key:
                    del found.documents[checkpoint]

    def texts(self) -> dict[str, str]:
        """Every stored document's JSON by "collection/key", to search for what must not be there."""
        with self._lock:
            return {
                f"kvstore/{name}/{key}": text
                for (_, name), found in self._collections.items()
                for (_, key), text in found.documents.items()
            }

    # What splunkd answers.

    def require_ready(self) -> None:
        """Refuse in any state but ready; also collections/config is refused then (solnlib's docstrings)."""
        if self.state is not KVStoreState.READY:
            raise Refusal(*self.answers[self.state])

    def handle(self, request: Request, app: str, owner: str, path: list[str]) -> Answer:
        """A call below storage/collections/data/<collection>. Errors are JSON whatever output_mode says."""
        self.require_ready()
        name, rest = path[0], path[1:]
        if name not in self._conf.read("collections", app):
            raise Refusal(404, f"Could not find object id={name}")  # measured for other objects, assumed here
        if self.read_only and request.method in _WRITES:
            raise Refusal(*READ_ONLY_ANSWER)
        with self._lock:
            found = self._collections.setdefault((app, name), _Collection())
            target = _Target(app, name, owner, found)
            if rest == ["batch_save"]:
                return self._batch_save(request, target)
            if not rest:
                return self._whole(request, target)
            return self._one(request, target, "/".join(rest))

    def _body(self, request: Request, expected: type) -> Any:
        if "application/json" not in request.headers.get("content-type", ""):
            raise Refusal(400, "JSON in the request is invalid. (wrong Content-Type)")  # assumed
        try:
            value = json.loads(request.body)
        except ValueError as error:
            raise Refusal(400, f"JSON in the request is invalid. ({error})") from error
        if not isinstance(value, expected):
            raise Refusal(400, "JSON in the request is invalid.")
        return value

    def _checked(self, document: Any, target: _Target) -> tuple[tuple[str, str], str]:
        if not isinstance(document, dict):
            raise Refusal(400, "JSON in the request is invalid. (document must be an object)")
        key = document.get("_key") or uuid.uuid4().hex[:24]
        if not isinstance(key, str):
            raise Refusal(400, "JSON in the request is invalid. (_key must be a string)")
        settings = self._conf.read("collections", target.app).get(target.name, {})
        enforced = settings.get("enforceTypes", "false").lower() in {"1", "true"}
        kept = {"_user": target.owner, "_key": key}
        for field_name, value in document.items():
            if field_name in kept:
                continue
            kind = settings.get(f"field.{field_name}")
            wrong = kind is not None and (
                not isinstance(value, _FIELD_TYPES[kind]) or (isinstance(value, bool) and kind != "bool")
            )
            if wrong and enforced:
                raise Refusal(400, f"Type of field {field_name} is not {kind}.")  # text assumed
            if not wrong:  # without enforceTypes only the field is dropped, says collections.conf.spec
                kept[field_name] = value
        text = json.dumps(kept)
        if len(text) > self.limits.max_document:
            raise _too_much("Document is larger than 16 MB")
        return (target.owner, key), text

    def _batch_save(self, request: Request, target: _Target) -> Answer:
        if request.method not in {"POST", "PUT"}:
            raise Refusal(405, "Method Not Allowed")  # measured: POST and PUT are routed
        documents = self._body(request, list)
        limit = self.limits.max_documents_per_batch_save
        if len(documents) > limit:
            raise _too_much(f"Too many documents for a single batch save, max_documents_per_batch_save={limit}")
        if len(request.body) > self.limits.max_size_per_batch_save:
            raise _too_much("Batch save is too large, max_size_per_batch_save_mb=50")
        checked = [self._checked(document, target) for document in documents]
        target.found.documents.update(checked)
        return as_json([key for (_, key), _ in checked])

    def _select(self, target: _Target, request: dict[str, Any]) -> list[Document]:
        query = request.get("query") or {}
        kvquery.check(query)
        documents = [
            document
            for checkpoint, text in sorted(target.found.documents.items())
            if checkpoint[0] == target.owner and kvquery.matches(document := json.loads(text), query)
        ]
        rows = documents[: self.limits.max_rows_per_query]
        return [kvquery.project(document, request.get("fields", "")) for document in rows]

    def _whole(self, request: Request, target: _Target) -> Answer:
        arguments: dict[str, Any] = {key: values[-1] for key, values in request.query.items()}
        if unknown := arguments.keys() - _ARGUMENTS:
            raise Refusal(400, f"The stand-in does not know {sorted(unknown)}.")
        if arguments.get("query"):
            try:
                arguments["query"] = json.loads(arguments["query"])
            except ValueError as error:
                raise kvquery.invalid_query() from error
        if request.method == "GET":
            answer = as_json(self._select(target, arguments))
            if len(answer.body) > self.limits.max_size_per_result:
                raise _too_much("Result is too large, max_size_per_result_mb=50")
            return answer
        if request.method == "DELETE":
            query = arguments.get("query") or {}
            kvquery.check(query)
            for checkpoint, text in list(target.found.documents.items()):
                if checkpoint[0] == target.owner and kvquery.matches(json.loads(text), query):
                    del target.found.documents[checkpoint]
            return as_json({})
        checkpoint, text = self._checked(self._body(request, dict), target)
        if checkpoint in target.found.documents:
            raise Refusal(409, "A document with the same key and user already exists.")  # 409 measured
        target.found.documents[checkpoint] = text
        return as_json({"_key": checkpoint[1]}, 201)

    def _one(self, request: Request, target: _Target, key: str) -> Answer:
        documents, checkpoint = target.found.documents, (target.owner, key)
        if checkpoint not in documents:
            raise Refusal(404, "Could not find object.")
        if request.method == "GET":
            return as_json(json.loads(documents[checkpoint]))
        if request.method == "DELETE":
            del documents[checkpoint]
            return as_json({})
        _, documents[checkpoint] = self._checked({**self._body(request, dict), "_key": key}, target)
        return as_json({"_key": key})
