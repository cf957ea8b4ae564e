"""The tables of docs/messages.md: every error and warning of the add-on, read from its source.

    python -m tooling.troubleshooting

writes them. A sentence is found where its error is made, ``SomeError("...")``, or in a table of rows that have a
``sentence``, from which errors are made. What is only known when it happens stands in it as ``{name}``.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tooling import paths

SOURCE = paths.PACKAGE / "bin" / "defender_alerts"
DOCUMENT = paths.ROOT / "docs" / "messages.md"
BEGIN = "<!-- What follows is made by `python -m tooling.troubleshooting`. -->"
END = "<!-- The end of what is made. -->"
ROOT_ERROR = "AddonError"
WARNING, ERROR = "warning", "error"
"""Levels of the log."""
_OF_NO_CLASS = "An error that the add-on does not expect."
_TITLES = {
    "addon": "Unexpected errors",
    "service": "Service unavailable",
    "strained": "Service overloaded",
    "refused query": "Request refused",
    "strange link": "Unexpected link",
    "incomplete": "Incomplete data",
    "unknown resource": "Unknown API",
}
"""Headings that the name of the class does not make clear."""
_LEAST_WORDS = 12
"""Characters of its own that a sentence has at least; what has fewer only passes on another one."""
_MOST_ALTERNATIVES = 16
_DEPTH = 6
# What comes from Microsoft's answer is said once, above the tables.
_LEFT_OUT = frozenset({"quoted", "correlation"})
# What a name in the source means to who reads the page.
_NAMED = {
    "about": "the permissions that the token carries",
    "type": "kind of error",
    "_beginning": "its beginning",
    "where": "where to correct it",
    "hint": "which one it knows",
    "lower": "thing of another kind",
    "detail": "the cause",
    "error": "the cause",
    "excerpt": "its beginning",
    "beginning": "its beginning",
}


PLACEHOLDER = re.compile(r"\{[^{}]*\}")
"""What is only known when it happens."""


@dataclass(frozen=True, order=True)
class Failure:
    """A class of errors.

    Attributes:
        name: the class.
        base: the class it is derived from; empty for the root.
        category: how the log and the Dashboard page file it.
        exit_status: the input's.
        meaning: its docstring.
    """

    name: str
    base: str
    category: str
    exit_status: int
    meaning: str


@dataclass(frozen=True, order=True)
class Message:
    """A sentence for administrators.

    Attributes:
        failure: the name of its class; the log's level where it is only logged.
        module: the file, relative to the package.
        text: with ``{name}`` for what is only known when it happens.
    """

    failure: str
    module: str
    text: str

    @property
    def said(self) -> str:
        """What has happened; what to do about it follows."""
        said, stop, _ = self.text.partition(". ")
        return said + stop.strip()

    @property
    def advice(self) -> str:
        """What to do about it; empty where the first sentence says it."""
        return self.text[len(self.said) :].strip()

    @property
    def fragments(self) -> tuple[str, ...]:
        """What always stands in it, the longest first."""
        return tuple(sorted((part.strip() for part in PLACEHOLDER.split(self.text)), key=len, reverse=True))


def failures(source: Path = SOURCE) -> dict[str, Failure]:
    """Give the classes of errors by name, in the order in which they are defined."""
    found: dict[str, Failure] = {}
    for path in _files(source):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.ClassDef):
                continue
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            base = next((name for name in bases if name in found), "")
            if node.name != ROOT_ERROR and not base:
                continue
            above = found.get(base, Failure("", "", "", 0, ""))
            own = {
                target.id: value.value
                for target, value in _assignments(node.body)
                if isinstance(target, ast.Name) and isinstance(value, ast.Constant)
            }
            found[node.name] = Failure(
                node.name,
                base,
                str(own.get("category", above.category)),
                int(str(own.get("exit_status", above.exit_status))),
                " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split()),
            )
    return found


def messages(source: Path = SOURCE) -> list[Message]:
    """Give every sentence, sorted."""
    known = failures(source)
    modules = {
        path.relative_to(source).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in _files(source)
    }
    constants = _constants(modules.values())
    found: set[Message] = set()
    for name, tree in modules.items():
        found.update(_Module(name, tree, known, constants).messages())
    return sorted(found)


def _files(source: Path) -> list[Path]:
    # Classes first: what is derived from one of errors.py may stand in any file.
    return sorted(source.rglob("*.py"), key=lambda path: (path.name != "errors.py", path.as_posix()))


def _assignments(body: Iterable[ast.stmt]) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield target, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield node.target, node.value


def _constants(trees: Iterable[ast.Module]) -> dict[str, ast.expr]:
    """Give what the names at the top of all modules mean; names of texts are the same wherever they are imported."""
    return {
        target.id: value
        for tree in trees
        for target, value in _assignments(tree.body)
        if isinstance(target, ast.Name) and isinstance(value, (ast.Constant, ast.JoinedStr, ast.BinOp))
    }


@dataclass(frozen=True)
class _Module:
    """One file, and what of the others it takes to read it."""

    name: str
    tree: ast.Module
    known: Mapping[str, Failure]
    constants: Mapping[str, ast.expr]
    own: dict[str, ast.expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.own.update(_constants([self.tree]))

    def messages(self) -> Iterator[Message]:
        yield from self._of_rows()
        for scope in [self.tree, *(node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))]:
            names = _locals(scope)
            for call in _calls(scope):
                for failure, argument in self._sentences(call, names):
                    for text in self._texts(argument, names):
                        yield from self._message(failure, text)

    def _message(self, failure: str, text: str) -> Iterator[Message]:
        text = " ".join(text.split())
        message = Message(failure, self.name, text)
        if _SENTENCE not in text and len("".join(message.fragments)) >= _LEAST_WORDS:
            yield message

    def _sentences(self, call: ast.Call, names: Mapping[str, list[ast.expr]]) -> Iterator[tuple[str, ast.expr]]:
        """Give the classes that a call may make an error of, or its level in the log, and the sentence."""
        if not call.args:
            return
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in {WARNING, ERROR}:
            if "log" in ast.unparse(function.value):
                yield function.attr, call.args[0]
            return
        for choice in _choices(function, names):
            name = choice.id if isinstance(choice, ast.Name) else ""
            if name in self.known:
                yield name, call.args[0]

    def _of_rows(self) -> Iterator[Message]:
        """Give the sentences of tables: of rows that have a field ``sentence``, and mostly one ``error`` as well."""
        fields = {node.name: _fields(node) for node in self.tree.body if isinstance(node, ast.ClassDef)}
        tables = {name: row for name, row in fields.items() if "sentence" in row}
        for call in _calls(self.tree):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name not in tables:
                continue
            row = _row(call, tables)
            error = row.get("error")
            failure, around = (error.id, _SENTENCE) if isinstance(error, ast.Name) else self._made_of_rows()
            for text in self._texts(row["sentence"], {}):
                yield from self._message(failure, around.replace(_SENTENCE, text))

    def _made_of_rows(self) -> tuple[str, str]:
        """Give the class of the errors that are made of rows which name none, and their text around the row's."""
        for call in ast.walk(self.tree):
            name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
            if isinstance(call, ast.Call) and name in self.known and call.args:
                texts = self._texts(call.args[0], {})
                if _SENTENCE in texts[0]:
                    return name, texts[0]
        return ROOT_ERROR, _SENTENCE

    def _texts(self, node: ast.expr, names: Mapping[str, list[ast.expr]], depth: int = _DEPTH) -> list[str]:
        """Give what a text may be, with ``{name}`` for what is not known."""
        node = _passed_on(node)
        if isinstance(node, ast.Constant):
            found = [_placeholders(str(node.value))]
        elif isinstance(node, ast.JoinedStr):
            parts = [self._part(value, names, depth) for value in node.values]
            found = ["".join(choice) for choice in itertools.islice(itertools.product(*parts), _MOST_ALTERNATIVES)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = itertools.product(self._texts(node.left, names, depth), self._texts(node.right, names, depth))
            found = [left + right for left, right in sides]
        elif isinstance(node, ast.IfExp):
            choices = self._texts(node.body, names, depth) + self._texts(node.orelse, names, depth)
            # What may be missing is shown.
            found = [text for text in choices if text] or [""]
        else:
            meanings = self._meanings(node, names) if depth else []
            found = [text for meaning in meanings for text in self._texts(meaning, names, depth - 1)]
        return found or [_placeholder(node)]

    def _meanings(self, node: ast.expr, names: Mapping[str, list[ast.expr]]) -> list[ast.expr]:
        """Give the texts that a name may stand for; none where one of them is only known when it happens."""
        if not isinstance(node, ast.Name) or node.id in _LEFT_OUT:
            return []
        constant = self.own.get(node.id) or self.constants.get(node.id)
        meanings = names.get(node.id) or ([] if constant is None else [constant])
        readable = [meaning for meaning in meanings if isinstance(meaning, _READABLE)]
        return list(readable) if len(readable) == len(meanings) else []

    def _part(self, part: ast.expr, names: Mapping[str, list[ast.expr]], depth: int) -> list[str]:
        """Give what a part of an f-string may be: a number as it is written there."""
        if not isinstance(part, ast.FormattedValue):
            return self._texts(part, names, depth)
        meaning = self.constants.get(part.value.id) if isinstance(part.value, ast.Name) else None
        if isinstance(meaning, ast.Constant) and isinstance(part.format_spec, ast.JoinedStr):
            return [format(meaning.value, "".join(self._texts(part.format_spec, names, depth)))]
        return self._texts(part.value, names, depth)


_SENTENCE = "{sentence}"
"""Where a row's sentence stands in the text of an error."""
_READABLE = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.IfExp)


def _calls(scope: ast.AST) -> Iterator[ast.Call]:
    """Give the calls in a scope; those in a function of it belong to that function."""
    inner = [scope]
    while inner:
        for node in ast.iter_child_nodes(inner.pop()):
            if isinstance(node, ast.FunctionDef):
                continue
            if isinstance(node, ast.Call):
                yield node
            inner.append(node)


def _locals(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Give what is assigned to the names of a function."""
    if not isinstance(scope, ast.FunctionDef):
        return {}
    found: dict[str, list[ast.expr]] = {}
    statements = [node for node in ast.walk(scope) if isinstance(node, ast.stmt)]
    for target, value in _assignments(statements):
        if isinstance(target, ast.Name):
            found.setdefault(target.id, []).append(value)
    return found


def _choices(node: ast.expr, names: Mapping[str, list[ast.expr]]) -> list[ast.expr]:
    if isinstance(node, ast.Name) and node.id in names:
        return [choice for value in names[node.id] for choice in _choices(value, {})]
    if isinstance(node, ast.IfExp):
        return [*_choices(node.body, names), *_choices(node.orelse, names)]
    return [node]


def _fields(node: ast.ClassDef) -> dict[str, ast.expr | None]:
    """Give the fields of a dataclass and their defaults."""
    return {
        item.target.id: item.value
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }


def _arguments(call: ast.Call, names: Sequence[str]) -> dict[str, ast.expr]:
    return {
        **dict(zip(names, call.args, strict=False)),
        **{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg},
    }


def _row(call: ast.Call, tables: Mapping[str, Mapping[str, ast.expr | None]]) -> dict[str, ast.expr]:
    fields = tables[call.func.id] if isinstance(call.func, ast.Name) else {}
    defaults = {name: value for name, value in fields.items() if value is not None}
    return {**defaults, **_arguments(call, list(fields))}


def _passed_on(node: ast.expr) -> ast.expr:
    """Give the text that a call passes on: ``text.format(...)`` and ``str(text)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return node.func.value
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "str" and node.args:
        return node.args[0]
    return node


def _placeholders(text: str) -> str:
    """Give a text of the log with its conversions as placeholders."""
    return re.sub(r"%(?:[-+ #0]*\d*(?:\.\d+)?)[sdrf]", "{…}", text)


def _placeholder(node: ast.expr) -> str:
    """Give a name for what is only known when it happens."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return ""  # a word that is there or not
    name = _name_of(node)
    return "" if name in _LEFT_OUT else f"{{{_NAMED.get(name, name.strip('_').replace('_', ' ').lower())}}}"


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        return called if called in _NAMED or called in _LEFT_OUT or not node.args else _name_of(node.args[0])
    if isinstance(node, ast.Attribute):
        of_type = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "type"
        return "type" if of_type else node.attr
    if isinstance(node, ast.Name):
        return node.id
    inner = (part for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute)))
    named = (part for part in inner if isinstance(part, ast.Attribute) or not hasattr(builtins, part.id))
    first = next(named, None)
    return "…" if first is None else _name_of(first)


def tables() -> str:
    """Give the tables as Markdown."""
    known, all_messages = failures(), messages()
    parts = []
    for failure in known.values():
        own = [message for message in all_messages if message.failure == failure.name]
        if own:
            status = f"Category `{failure.category}`, exit status {failure.exit_status}."
            meaning = failure.meaning if failure.base else _OF_NO_CLASS
            parts.append(f"## {_title(failure.name)}\n\n{meaning} {status}\n\n{_table(own)}")
    logged = [message for message in all_messages if message.failure in {WARNING, ERROR}]
    parts.append(
        "## Warnings in the log\n\nThe run continues. The level is WARN, or ERROR if something is left out.\n\n"
        + _table(logged)
    )
    return "\n\n".join(parts)


def _title(name: str) -> str:
    """Give the name of a class in words, as an administrator would put it."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", name.removesuffix("Error")).lower()
    return _TITLES.get(words, words.capitalize())


def _table(rows: Iterable[Message]) -> str:
    # One sentence may be made in several files.
    told = dict.fromkeys((row.said, row.advice) for row in rows)
    lines = (f"| {_cell(said)} | {_cell(advice)} |" for said, advice in told)
    return "\n".join(("| message | what to do |", "|---|---|", *lines))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("{", "*{").replace("}", "}*").strip()


def parts() -> tuple[str, str, str]:
    """Give the document before the tables, the tables that it has, and what follows.

    Raises:
        ValueError: it has no place for them.
    """
    before, begun, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    made, ended, behind = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{DOCUMENT.name} has no place for what is made")
    return before, made.strip(), behind


def write() -> None:
    """Write the tables into the document."""
    before, _, behind = parts()
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{tables()}\n\n{END}{behind}", encoding="utf-8")


if __name__ == "__main__":
    write()
