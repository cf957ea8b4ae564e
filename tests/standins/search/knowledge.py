"""An app's knowledge objects, applied to events in Splunk's order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from standins.search.conf import Conf, layer, read_conf
from standins.search.eval_expressions import as_field, parse_eval
from standins.search.extraction import Values, apply_aliases, extract_by_transforms, extract_inline
from standins.search.indexing import IndexedEvent, event_time, split_into_events
from standins.search.json_fields import json_fields
from standins.search.kv_fields import kv_fields
from standins.search.limits import SearchLimits
from standins.search.lookups import LookupTable, read_lookups, read_tables
from standins.search.pipeline import expand_macros, kept_fields, split_at_pipes
from standins.search.props import check_props, settings_for
from standins.search.refusal import NotModelledError
from standins.search.reports import read_commands, read_search
from standins.search.rows import Table, When
from standins.search.search_terms import parse_terms, read_terms

Fields = dict[str, str | list[str]]
"""An event's fields by name; a list where a field has several values."""

_MOST_REMEMBERED = 10_000
"""So many events' fields are kept: many searches look at the same ones, and reading one takes a hundredth of a second."""

_EVENTTYPE_SETTINGS = frozenset({"search", "description", "priority", "color"})


@dataclass(frozen=True)
class SearchKnowledge:
    """What an app, or several layered ones, knows about events. All of it is shared with every search (export = system)."""

    props: Conf
    transforms: Conf
    eventtypes: Conf
    tags: Conf
    macros: Conf
    collections: Conf
    lookups: tuple[Path, ...]
    limits: SearchLimits
    _read: dict[IndexedEvent, Values] = field(init=False, default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, app_dir: Path, *others: Path, limits: SearchLimits | None = None) -> SearchKnowledge:
        """Read ``default/*.conf`` and ``lookups/`` of an app.

        Args:
            app_dir: the app's directory, such as ``package`` or ``output/TA_defender_alerts``.
            others: further apps; where two set the same thing, the one named first wins.
            limits: Splunk's own if None.

        Raises:
            NotModelledError: a setting, stanza, eval function or search term that the stand-in doesn't know.
        """
        apps = (app_dir, *others)

        def conf(name: str) -> Conf:
            return layer([read_conf(app / "default" / f"{name}.conf") for app in apps])

        knowledge = cls(
            props=conf("props"),
            transforms=conf("transforms"),
            eventtypes=conf("eventtypes"),
            tags=conf("tags"),
            macros=conf("macros"),
            collections=conf("collections"),
            lookups=tuple(app / "lookups" for app in apps),
            limits=limits or SearchLimits(),
        )
        knowledge._check()
        return knowledge

    def tables(self, **kept: Sequence[Mapping[str, str]]) -> dict[str, LookupTable]:
        """The tables of the lookup command; ``kept`` has the rows of those in the KV store, which are empty else."""
        return read_tables(self.transforms, self.collections, self.lookups, kept)

    def index(  # noqa: PLR0917 - one argument per key of the event's metadata, in the stream's order
        self, raw: str, time: str | None, source: str, sourcetype: str, host: str, index: str
    ) -> list[IndexedEvent]:
        """The events that one ``<event>`` of a modular input becomes in the index.

        Args:
            raw: its ``<data>``.
            time: its ``<time>``, in epoch seconds; None if it has none.
            source: its ``<source>``.
            sourcetype: its ``<sourcetype>``.
            host: its ``<host>``.
            index: its ``<index>``.
        """
        settings = settings_for(self.props, source=source, sourcetype=sourcetype, host=host)
        indexed_time = event_time(time, settings)
        return [
            IndexedEvent(raw=line, time=indexed_time, source=source, sourcetype=sourcetype, host=host, index=index)
            for line in split_into_events(raw, settings)
        ]

    def search_fields(self, event: IndexedEvent) -> Fields:
        """Every field that a search sees of an event, with ``eventtype`` and ``tag``.

        The order is that of "The sequence of search-time operations" (Knowledge Manager Manual): inline extractions,
        transforms, automatic extraction, aliases, calculated fields, lookups, event types, tags.
        """
        return _plain(self._values(event))

    def _values(self, event: IndexedEvent) -> Values:
        """The fields of an event, for the caller to change."""
        read = self._read.get(event)
        if read is None:
            if len(self._read) >= _MOST_REMEMBERED:
                self._read.clear()
            read = self._read[event] = self._values_of(event)
        return {name: [*values] for name, values in read.items()}

    def search(self, search: str, events: Iterable[IndexedEvent]) -> list[Fields]:
        """What a search, macros and all, returns of these events; they reach its first pipe newest first.

        Of events that its terms leave out nothing is read, nor where it keeps no field but those that are indexed. One that
        begins with ``| makeresults`` makes what it works on, with all that dashboards may do.
        """
        newest_first = sorted(events, key=lambda event: float(event.time or "inf"), reverse=True)
        expanded = expand_macros(search, self.macros)
        terms, *commands = split_at_pipes(expanded)
        when = When.of("0", "now", time.time())
        if not terms.strip():
            return [_plain(row) for row in read_search(expanded, {}, ()).run((), when).rows]
        read: Callable[[IndexedEvent], Values] = self._values
        names, matches = read_terms(terms)
        if names <= _INDEXED:
            newest_first = [event for event in newest_first if matches(_indexed(event))]
            kept = kept_fields(commands[0]) if commands else None
            read = _indexed if kept is not None and kept <= _INDEXED else read
        found = Table([row for row in map(read, newest_first) if matches(row)])
        for command in read_commands(commands, {}):
            found = command.run(found, when)
        return [_plain(row) for row in found.rows]

    def _values_of(self, event: IndexedEvent) -> Values:
        settings = settings_for(self.props, source=event.source, sourcetype=event.sourcetype, host=event.host)
        fields = _indexed(event)
        fields |= extract_inline(settings, fields)
        fields |= extract_by_transforms(settings, self.transforms, fields)
        fields |= self._automatic(event.raw, settings, fields)
        apply_aliases(settings, fields)
        self._calculate(settings, fields)
        for lookup in read_lookups(settings, self.transforms, self.lookups):
            lookup.apply(fields)
        self._classify(fields)
        return fields

    def _automatic(self, raw: str, settings: Mapping[str, str], fields: Values) -> Values:
        mode = settings.get("KV_MODE", "auto")
        if mode == "auto":
            # Assumed: a pair does not replace what the event has already, such as its host.
            return {name: value for name, value in kv_fields(raw, self.limits).items() if name not in fields}
        if mode not in {"json", "none"}:
            raise NotModelledError(f"KV_MODE = {mode}")
        found = json_fields(raw, self.limits) if mode == "json" else {}
        if twice := sorted(found.keys() & fields.keys()):
            raise NotModelledError(f"KV_MODE = json finds fields that exist already: {twice}")
        return found

    @staticmethod
    def _calculate(settings: Mapping[str, str], fields: Values) -> None:
        """props.conf.spec, EVAL: calculated fields see the fields as they were before any of them was calculated."""
        before = _plain(fields)
        for setting, expression in settings.items():
            if setting.startswith("EVAL-"):
                name = setting.removeprefix("EVAL-")
                values = as_field(parse_eval(expression)(before), name)
                if values:
                    fields[name] = values
                else:
                    fields.pop(name, None)

    def _classify(self, fields: Values) -> None:
        eventtypes = [
            name
            for name, stanza in self.eventtypes.items()
            if parse_terms(expand_macros(stanza["search"], self.macros))(fields)
        ]
        if eventtypes:
            fields["eventtype"] = sorted(eventtypes)
        tags = set()
        for stanza, settings in self.tags.items():
            name, _, value = stanza.partition("=")
            if unquote(value) in fields.get(name, ()):
                tags |= {tag for tag, state in settings.items() if state == "enabled"}
        if tags:
            fields["tag"] = sorted(tags)

    def _check(self) -> None:
        check_props(self.props)
        for stanza, settings in self.props.items():
            for setting, expression in settings.items():
                if setting.startswith("EVAL-"):
                    try:
                        parse_eval(expression)
                    except NotModelledError as error:
                        raise NotModelledError(f"props.conf [{stanza}] {setting}: {error}") from error
        for name, settings in self.eventtypes.items():
            if not set(settings) <= _EVENTTYPE_SETTINGS or "search" not in settings:
                raise NotModelledError(f"eventtypes.conf [{name}]: {sorted(settings)}")
            parse_terms(expand_macros(settings["search"], self.macros))
        for stanza, settings in self.tags.items():
            if "=" not in stanza or not set(settings.values()) <= {"enabled", "disabled"}:
                raise NotModelledError(f"tags.conf [{stanza}]: {dict(settings)}")


_INDEXED = frozenset({"_raw", "_time", "_indextime", "host", "index", "source", "sourcetype"})


def _indexed(event: IndexedEvent) -> Values:
    """The fields of an event that no setting makes."""
    fields: Values = {
        "_raw": [event.raw],
        "host": [event.host],
        "index": [event.index],
        "source": [event.source],
        "sourcetype": [event.sourcetype],
    }
    if event.time is not None:
        fields["_time"] = [event.time]
    if event.index_time is not None:
        fields["_indextime"] = [event.index_time]
    return fields


def _plain(fields: Values) -> Fields:
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
