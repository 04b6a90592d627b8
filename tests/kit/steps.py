"""How much work a parser does, counted and not timed: lines of Python, and steps of its regular expressions.

The engine of ``re`` counts nothing, so each of a module's patterns is also walked by a plain backtracking matcher,
which takes the ways that ``re`` takes. Patterns are found in the globals of the modules that are given.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

Node = Callable[[int, Callable[[int], bool]], bool]
_C: Any = re._constants
_CATEGORY = {
    _C.CATEGORY_DIGIT: str.isdecimal,
    _C.CATEGORY_SPACE: str.isspace,
    _C.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
}
_NOT = {
    _C.CATEGORY_NOT_DIGIT: _C.CATEGORY_DIGIT,
    _C.CATEGORY_NOT_SPACE: _C.CATEGORY_SPACE,
    _C.CATEGORY_NOT_WORD: _C.CATEGORY_WORD,
}
_ONE = (_C.LITERAL, _C.NOT_LITERAL, _C.ANY, _C.IN)


class Counter:
    """``steps`` so far; each regular expression that runs, runs here a second time to be counted."""

    def __init__(self) -> None:
        self.steps = 0

    def line(self, frame: Any, event: str, arg: Any) -> Any:
        self.steps += 1
        return self.line

    def attempts(self, pattern: re.Pattern[Any], text: Any, starts: range) -> None:
        walker = _Walker(pattern, bytes(text).decode("latin-1") if not isinstance(text, str) else text)
        for start in starts:
            walker.run(start)
        self.steps += walker.steps


class _Walker:
    def __init__(self, pattern: re.Pattern[Any], text: str) -> None:
        self.text, self.steps, self.groups = text, 0, {}
        self.is_bytes = isinstance(pattern.pattern, bytes)
        self.flags = pattern.flags
        self.parsed = _parsed(pattern.pattern, pattern.flags)
        self.start = self._sequence(list(self.parsed))

    def run(self, at: int) -> None:
        self.groups = {}
        self.start(at, lambda end: True)

    def _sequence(self, items: list[Any]) -> Node:
        nodes = [self._node(op, arg) for op, arg in items]

        def run(at: int, then: Callable[[int], bool], n: int = 0) -> bool:
            self.steps += 1
            if n == len(nodes):
                return then(at)
            return nodes[n](at, lambda end: run(end, then, n + 1))

        return run

    def _one(self, op: Any, arg: Any) -> Callable[[int], bool]:
        fits = _fits(op, arg if op is not _C.IN else tuple(arg), self.flags, self.is_bytes)
        text = self.text
        return lambda at: at < len(text) and fits(text[at])

    def _node(self, op: Any, arg: Any) -> Node:
        text = self.text
        if op in _ONE:
            one = self._one(op, arg)
            return lambda at, then: one(at) and then(at + 1)
        if op is _C.BRANCH:
            ways = [self._sequence(list(way)) for way in arg[1]]
            return lambda at, then: any(way(at, then) for way in ways)
        if op is _C.SUBPATTERN:
            group, inner = arg[0], self._sequence(list(arg[3]))

            def captured(at: int, then: Callable[[int], bool]) -> bool:
                def close(end: int) -> bool:
                    self.groups[group] = text[at:end]
                    return then(end)

                return inner(at, close)

            return captured
        if op is _C.GROUPREF:

            def again(at: int, then: Callable[[int], bool]) -> bool:
                found = self.groups.get(arg)
                return found is not None and text.startswith(found, at) and then(at + len(found))

            return again
        if op in (_C.ASSERT, _C.ASSERT_NOT):
            return self._look(op is _C.ASSERT, *arg)
        if op is _C.AT:
            return lambda at, then: self._is_at(arg, at) and then(at)
        if op in (_C.MAX_REPEAT, _C.MIN_REPEAT, _C.POSSESSIVE_REPEAT):
            return self._repeat(op, *arg)
        if op is _C.ATOMIC_GROUP:
            inner = self._sequence(list(arg))
            return lambda at, then: self._first(inner, at, then)
        raise NotImplementedError(op)

    @staticmethod
    def _first(inner: Node, at: int, then: Callable[[int], bool]) -> bool:
        ends: list[int] = []
        return inner(at, lambda end: not ends.append(end)) and then(ends[0])  # type: ignore[func-returns-value]

    def _look(self, wanted: bool, direction: int, body: Any) -> Node:
        inner = self._sequence(list(body))
        width = body.getwidth()[0]

        def look(at: int, then: Callable[[int], bool]) -> bool:
            start = at if direction > 0 else at - width
            return (start >= 0 and inner(start, lambda end: direction > 0 or end == at)) is wanted and then(at)

        return look

    def _is_at(self, where: Any, at: int) -> bool:
        text = self.text
        multiline = self.flags & re.MULTILINE
        if where in (_C.AT_BOUNDARY, _C.AT_NON_BOUNDARY):
            word = [0 <= n < len(text) and (text[n].isalnum() or text[n] == "_") for n in (at - 1, at)]
            return (word[0] != word[1]) is (where is _C.AT_BOUNDARY)
        if where in (_C.AT_BEGINNING, _C.AT_BEGINNING_STRING):
            return at == 0 or bool(multiline and where is _C.AT_BEGINNING and text[at - 1] == "\n")
        return at == len(text) or (where is _C.AT_END and text[at] == "\n" and (bool(multiline) or at == len(text) - 1))

    def _repeat(self, op: Any, low: int, high: int, body: Any) -> Node:
        items = list(body)
        if len(items) == 1 and items[0][0] in _ONE:
            one = self._one(*items[0])

            def run(at: int, then: Callable[[int], bool]) -> bool:
                end = at
                while end - at < high and one(end):
                    end += 1
                self.steps += end - at + 1
                ends = (
                    range(end, at + low - 1, -1)
                    if op is _C.MAX_REPEAT
                    else ([end] if op is _C.POSSESSIVE_REPEAT and end - at >= low else range(at + low, end + 1))
                )
                for stop in ends:
                    self.steps += 1
                    if then(stop):
                        return True
                return False

            return run
        inner = self._sequence(items)

        def more(at: int, then: Callable[[int], bool], n: int = 0) -> bool:
            self.steps += 1

            def again(end: int) -> bool:
                return (end > at or n < low) and more(end, then, n + 1)

            if op is _C.MIN_REPEAT:
                return (n >= low and then(at)) or (n < high and inner(at, again))
            return (n < high and inner(at, again)) or (n >= low and then(at))

        return more


@cache
def _parsed(pattern: Any, flags: int) -> Any:
    return re._parser.parse(pattern, flags & ~re.DEBUG)


@cache
def _fits(op: Any, arg: Any, flags: int, is_bytes: bool) -> Callable[[str], bool]:
    fold = flags & re.IGNORECASE

    def category(kind: Any, char: str) -> bool:
        if kind in _NOT:
            return not category(_NOT[kind], char)
        return (not is_bytes or char < "\x80") and _CATEGORY[kind](char)

    def member(kind: Any, value: Any, char: str) -> bool:
        if kind is _C.CATEGORY:
            return category(value, char)
        chars = {char, char.lower(), char.upper()} if fold else {char}
        codes = [ord(c) for c in chars if len(c) == 1]
        return any(value[0] <= c <= value[1] for c in codes) if kind is _C.RANGE else value in codes

    @cache
    def fits(char: str) -> bool:
        if op is _C.ANY:
            return bool(flags & re.DOTALL) or char != "\n"
        if op is _C.IN:
            negated = arg[0][0] is _C.NEGATE
            return any(member(k, v, char) for k, v in arg[negated:]) is not negated
        return member(_C.LITERAL, arg, char) is (op is _C.LITERAL)

    return fits


class _Counted:
    """A pattern that answers as its own and is counted."""

    def __init__(self, pattern: re.Pattern[Any], counter: Counter) -> None:
        self.real, self.counter = pattern, counter
        self.pattern, self.flags = pattern.pattern, pattern.flags

    def _count(self, text: Any, pos: int, end: int | None, found: Sequence[re.Match[Any]], *, to_end: bool) -> None:
        text = text if end is None else text[:end]
        for match in found:
            self.counter.attempts(self.real, text, range(pos, match.start() + 1))
            pos = max(match.end(), match.start() + 1)
        if to_end:
            self.counter.attempts(self.real, text, range(pos, len(text) + 1))

    def match(self, text: Any, pos: int = 0, end: int | None = None) -> Any:
        self.counter.attempts(self.real, text if end is None else text[:end], range(pos, pos + 1))
        return self.real.match(text, pos, sys.maxsize if end is None else end)

    def fullmatch(self, text: Any, pos: int = 0, end: int | None = None) -> Any:
        whole = re.compile(
            b"(?:%b)\\Z" % self.pattern if isinstance(self.pattern, bytes) else f"(?:{self.pattern})\\Z", self.flags
        )
        self.counter.attempts(whole, text if end is None else text[:end], range(pos, pos + 1))
        return self.real.fullmatch(text, pos, sys.maxsize if end is None else end)

    def search(self, text: Any, pos: int = 0, end: int | None = None) -> Any:
        found = self.real.search(text, pos, sys.maxsize if end is None else end)
        self._count(text, pos, end, [found] if found else [], to_end=not found)
        return found

    def finditer(self, text: Any, pos: int = 0, end: int | None = None) -> Iterator[re.Match[Any]]:
        found = list(self.real.finditer(text, pos, sys.maxsize if end is None else end))
        self._count(text, pos, end, found, to_end=True)
        return iter(found)

    def findall(self, text: Any) -> Any:
        self.finditer(text)
        return self.real.findall(text)

    def sub(self, repl: Any, text: Any, count: int = 0) -> Any:
        self.finditer(text)
        return self.real.sub(repl, text, count)

    def split(self, text: Any) -> Any:
        self.finditer(text)
        return self.real.split(text)


@contextmanager
def counting(*modules: ModuleType) -> Iterator[Counter]:
    """Count what runs in the block: every line of Python, and the patterns in the globals of these modules."""
    counter = Counter()

    def direct(name: str) -> Callable[..., Any]:
        def run(pattern: Any, *args: Any, flags: int = 0) -> Any:
            real = pattern if isinstance(pattern, re.Pattern) else re.compile(pattern, flags)
            return getattr(_Counted(real, counter), name)(*args)

        return run

    counted_re = SimpleNamespace(**{name: getattr(re, name) for name in dir(re) if not name.startswith("_")})
    for name in ("match", "fullmatch", "search", "finditer", "findall", "sub", "split"):
        setattr(counted_re, name, direct(name))
    replaced = [
        patch.dict(
            vars(module),
            {
                name: _Counted(value, counter) if isinstance(value, re.Pattern) else counted_re
                for name, value in vars(module).items()
                if isinstance(value, re.Pattern) or value is re
            },
        )
        for module in modules
    ]
    limit = sys.getrecursionlimit()
    for one in replaced:
        one.start()
    sys.setrecursionlimit(100_000)
    here = __file__

    def begin(frame: Any, event: str, arg: Any) -> Any:
        return None if frame.f_code.co_filename == here else counter.line

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        yield counter
    finally:
        sys.settrace(before)
        sys.setrecursionlimit(limit)
        for one in reversed(replaced):
            one.stop()
