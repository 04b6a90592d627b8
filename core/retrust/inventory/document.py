"""YAML text as plain values, and where each value stands in the text.

Plain scalars mean what they mean in YAML 1.2: ``true`` and ``false`` are the only booleans, whole and
decimal numbers are numbers, everything else is text, dates, ``yes``, ``no`` and ``22:30`` included. Keys are
always text. Duplicate keys and tags are problems; ``<<: *anchor`` merges. What the values must be is said
in ``model`` and the targets' site models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

Loc = tuple[str | int, ...]

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class _Untagged:
    """Leaves what a plain scalar means to ``_scalar``; only tags that were written out remain."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return ""

    def descend_resolver(self, parent: Any, index: Any) -> None: ...

    def ascend_resolver(self) -> None: ...

    def check_resolver_prefix(self, *_: Any) -> None: ...


if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _Composer(_Untagged, CParser):
        pass
else:
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Composer(_Untagged, Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        def __init__(self, text: str) -> None:
            for base, arguments in ((Reader, (text,)), (Scanner, ()), (Parser, ()), (Composer, ())):
                base.__init__(self, *arguments)


class Document:
    """``data`` is the plain value, ``faults`` what is wrong with the text itself."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.faults: list[tuple[int, str]] = []
        self._open: set[int] = set()
        self.data: Any = None
        self._root: Any = None
        try:
            self._root = self._compose(text)
            self.data = self._value(self._root) if self._root is not None else None
        except RecursionError:
            self.faults.append((1, "nested too deeply, or an anchor that merges itself"))

    def _compose(self, text: str) -> Any:
        try:
            return _Composer(text).get_single_node()
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            before = "".join(text.splitlines()[line : line + 1])[: column + 1]
            tab = "\t" in before and not before.strip()
            said = "a tab: indent with blanks" if tab else _syntax(exc.problem or exc.context or "", column + 1)
            self.faults.append((line + 1, said))
        except yaml.reader.ReaderError as exc:
            line = _line_at(text, exc.position)
            self.faults.append((line, "not YAML: a character that is not allowed"))
        return None

    def _value(self, node: Any) -> Any:
        if node.tag:
            self._fault(
                node, "tags (words that start with !) are not understood; text that starts with ! must be quoted"
            )
            return None
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._open:
            self._fault(node, "an anchor that contains itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item) for item in node.value]
            return self._mapping(node)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Any) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fault(key, "a key must be text")
            elif key.value in seen:
                first = seen[key.value].start_mark.line + 1
                self._fault(key, f"{key.value} is given twice, first in line {first}")
            else:
                seen[key.value] = key
        for value in _merged(node):
            if not isinstance(value, yaml.MappingNode):
                self._fault(value, "<< must name a mapping, or a list of mappings")
        return {key: self._value(value) for key, (_, value) in _pairs(node).items()}

    def _fault(self, node: Any, text: str) -> None:
        self.faults.append((node.start_mark.line + 1, text))

    def locate(self, loc: Sequence[str | int]) -> tuple[int, Loc]:
        """The line of the deepest part of ``loc`` that is in the text, and that part's own loc."""
        node, line = self._root, 1
        for depth, part in enumerate(loc):
            found = _child(node, part)
            if found is None:
                return line, tuple(loc[:depth])
            mark, node = found
            line = mark.line + 1
        return line, tuple(loc)

    def where(self, loc: Sequence[str | int]) -> str:
        """``file:line: dotted.path`` of a place, or of its nearest parent that is in the text."""
        line, there = self.locate(loc)
        return f"{self.file}:{line}: {dotted(there)}"


def dotted(loc: Sequence[str | int]) -> str:
    """``sites.campus.ise[0].host``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".")


def _child(node: Any, part: str | int) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        key, value = _pairs(node).get(str(part), (None, None))
        return None if key is None else (key.start_mark, value)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None


def _merged(node: Any) -> Iterator[Any]:
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style:
            yield from value.value if isinstance(value, yaml.SequenceNode) else (value,)


def _pairs(node: Any) -> dict[str, tuple[Any, Any]]:
    """Keys with their nodes; what a mapping says itself goes before what it merges."""
    pairs: dict[str, tuple[Any, Any]] = {}
    for merged in _merged(node):
        if isinstance(merged, yaml.MappingNode) and merged is not node:
            pairs = _pairs(merged) | pairs
    own = {
        key.value: (key, value)
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode) and (key.value != "<<" or key.style)
    }
    return pairs | own


def _scalar(node: Any) -> Any:
    text = node.value
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def _line_at(text: str, position: int) -> int:
    """libyaml counts bytes, the parser in Python characters."""
    before = text.encode("utf-8", "surrogatepass")[:position].decode("utf-8", "ignore")
    return (before if yaml.__with_libyaml__ else text[:position]).count("\n") + 1


def _syntax(problem: str, column: int) -> str:
    """A parser's sentence without what it quotes: a literal secret may be what it stumbled on."""
    if "undefined alias" in problem:
        return "not YAML: text that starts with * must be quoted"
    said = re.sub(r"\s*['\"].*", "", problem).rstrip(", ")
    hint = "; look at the indentation of this line" if "expected" in said or "not allowed" in said else ""
    return f"not YAML: {said} at column {column}{hint}"
