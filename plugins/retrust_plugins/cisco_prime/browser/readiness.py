"""Check Readiness: press it, wait until its rows stand still, and stop on any that failed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from time import monotonic
from typing import Any

from retrust.errors import PermanentError, TemporaryError
from retrust.models import Progress
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.session import Session
from retrust_plugins.cisco_prime.browser.tables import columns
from retrust_plugins.cisco_prime.browser.view import DONE_AFTER

Row = tuple[str, ...]
STATE_TITLE = re.compile(r"\bstatus\b|\bstate\b|\bresults?\b|\boutcome\b", re.I)


@dataclass(frozen=True)
class Check:
    """One row of the check: its cells as displayed, and what they mean (see ``words.status_of``)."""

    cells: Row
    state: str

    @property
    def name(self) -> str:
        return self.cells[0]

    def __str__(self) -> str:
        return " | ".join(cell for cell in self.cells if cell)


class Readiness:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.view = session.view
        self._before: set[Check] = set()
        self._lines: list[str] = []

    async def check(self, secondary: str) -> tuple[str, ...]:
        """The rows of the check as displayed; raises where one failed or none can be read."""
        button = await self.view.until(lambda: self.view.press(words.CHECK_READINESS), self.view.settings.page)
        if button is None:
            raise PermanentError(
                f"no Check Readiness is offered; there is: {await self.view.offered()}", where=self.view.access.node
            )
        self._lines, before = await asyncio.gather(self.view.lines(), self._rows())
        self._before = set(before)
        await self.session.tell(Progress("Check Readiness"))
        await self.session.click(button)
        checks = await self._settled()
        self._judge(checks, secondary)
        return tuple(str(check) for check in checks)

    async def _settled(self) -> list[Check]:
        """The result rows, once none is pending, and all passed or nothing changed for a while."""
        limits = self.view.settings
        last, since = list[Check](), monotonic()

        async def results() -> list[Check] | None:
            nonlocal last, since
            self.session.dialogs.check()
            self._alerts()
            rows, busy = await asyncio.gather(self._results(), self.view.busy())
            if rows != last:
                last, since = rows, monotonic()
            states, still = {check.state for check in rows}, monotonic() - since
            ended = "failed" in states or ("passed" in states and not busy)
            enough = DONE_AFTER if self._all_passed(rows) else limits.settle
            return rows if ended and "pending" not in states and still > enough else None

        found = await self.view.until(results, limits.readiness)
        if found:
            return found
        open_ = ", ".join(check.name for check in last if check.state == "pending")
        raise TemporaryError(
            f"Check Readiness showed no complete result within {limits.readiness:.0f} s"
            f"{f', without a state: {open_}' if open_ else ''}; the page says: "
            f"{await self.view.says(without=self._lines) or 'nothing new'}",
            where=self.view.access.node,
        )

    def _all_passed(self, rows: list[Check]) -> bool:
        """Whether every documented check passed, with none that failed, and none from before the press."""
        told = [check.name for check in rows if check.state == "passed" and check not in self._before]
        return not any(check.state == "failed" for check in rows) and all(
            any(re.search(name, one, re.I) for one in told) for name in words.DOCUMENTED_CHECKS
        )

    def _alerts(self) -> None:
        said = [n for n in self.session.dialogs.notices if words.SAYS_FAILED.search(n)]
        if said:
            raise PermanentError(f"Check Readiness says: {said[-1]}", where=self.view.access.node)

    async def _rows(self) -> list[Check]:
        """Everything on the pages that has the form of a result row."""
        rows, boxes = await asyncio.gather(
            self.view.gather("rows"), self.view.gather("around", {"word": words.READINESS_CHECKS.pattern})
        )
        found = [
            _check(rows, at)
            for at, row in enumerate(rows)
            if not row["header"] and len(row["cells"]) > 1 and row["cells"][0]
        ]
        for around in boxes:
            found.extend(
                Check(tuple(pieces), words.status_of(pieces)) for pieces in (around["pieces"], *around["siblings"])
            )
        return list(dict.fromkeys(Check(self._masked(check.cells), check.state) for check in found))

    def _masked(self, row: Row) -> Row:
        return tuple(self.view.redactor.redact(cell) for cell in row)

    async def _results(self) -> list[Check]:
        """Rows that belong to the check: known names, or rows that came with a state after the press."""
        rows = await self._rows()
        known = [check for check in rows if words.READINESS_CHECKS.search(check.name)]
        names = {check.name for check in known}
        fresh = [
            check
            for check in rows
            if check not in self._before
            and check.name not in names
            and check.state != "unknown"
            and any(check.cells[1:])
        ]
        return [*known, *fresh] or await self._sentences()

    async def _sentences(self) -> list[Check]:
        """A check that says its result in a sentence."""
        new = [line for line in await self.view.lines() if line not in set(self._lines)]
        return [
            Check((line,), state)
            for line in new
            if (state := words.status_of([line])) in ("passed", "failed")
            and (len(new) < 6 or "readiness" in line.lower() or words.READINESS_CHECKS.search(line))
        ]

    def _judge(self, checks: list[Check], secondary: str) -> None:
        failed = [check for check in checks if check.state == "failed"]
        if not failed:
            return
        quoted = "; ".join(map(str, failed))
        raise PermanentError(
            f"HA readiness failed: {quoted}", where=self.view.access.node, hint=_advice(quoted, secondary)
        )


def _check(rows: list[dict[str, Any]], at: int) -> Check:
    """A table's row. Its state stands in the column of that title, else in the column where other rows have theirs."""
    cells = tuple(rows[at]["cells"])
    titled = [i for i in columns(rows, at, STATE_TITLE) if i]
    column = titled[0] if titled else _usual_column(rows, at)
    if column is None:
        state = words.status_of(list(cells))
        return Check(cells, "pending" if state == "unknown" and any(map(words.BLANK.match, cells[1:])) else state)
    said = cells[column]
    if words.BLANK.match(said):
        return Check(cells, "pending")
    return Check(cells, words.status_of([cells[0], said] if titled else list(cells)))


def _usual_column(rows: list[dict[str, Any]], at: int) -> int | None:
    """The column in which rows of this table have a word of state and nothing else; the last where none has yet."""
    peers = [
        row["cells"]
        for row in rows
        if row["table"] == rows[at]["table"] and not row["header"] and len(row["cells"]) == len(rows[at]["cells"])
    ]
    worded = [
        sum(any(p.search(cells[i]) for p in (words.PASSED, words.FAILED, words.PENDING)) for cells in peers)
        for i in range(1, len(rows[at]["cells"]))
    ]
    return 1 + worded.index(max(worded)) if any(worded) else None


def _advice(quoted: str, secondary: str) -> str:
    if "health monitor" in quoted.lower():
        return (
            f"trust between the nodes is not yet restored, or the health monitor of {secondary} does "
            "not run: look at the pins of both nodes, and at `ncs status` there"
        )
    return f"put that right on the primary or on {secondary}, then run again"
