"""Check Readiness: press it, wait until its rows stand still, and stop on any that failed."""

from __future__ import annotations

import asyncio
from time import monotonic

from retrust.errors import PermanentError, TemporaryError
from retrust.target import Progress
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.session import Session

Row = tuple[str, ...]


class Readiness:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.view = session.view
        self._before: set[Row] = set()
        self._lines: list[str] = []

    async def check(self, secondary: str) -> tuple[str, ...]:
        """The rows of the check as displayed; raises where one failed or none can be read."""
        button = await self.view.until(lambda: self.view.press(words.CHECK_READINESS), self.view.settings.page)
        if button is None:
            raise PermanentError(f"no Check Readiness is offered; there is: {await self.view.offered()}",
                                 where=self.view.access.node)
        self._lines = await self.view.lines()
        self._before = set(await self._rows())
        await self.session.tell(Progress("Check Readiness"))
        await self.session.click(button)
        rows = await self._settled()
        self._judge(rows, secondary)
        return tuple(_line(row) for row in rows)

    async def _settled(self) -> list[Row]:
        """The result rows, once none is pending and nothing changed for a while."""
        limits = self.view.settings
        end, last, since = monotonic() + limits.readiness, [Row()], monotonic()
        while monotonic() < end:
            self.session.dialogs.check()
            self._alerts()
            await self.session.still_signed_in()
            rows = await self._results()
            if rows != last:
                last, since = rows, monotonic()
            states = {words.status_of(list(row)) for row in rows}
            still = monotonic() - since
            if rows and "failed" in states and "pending" not in states and still > limits.settle:
                return rows
            if states & {"passed"} and "pending" not in states and still > limits.settle \
                    and not await self.view.busy():
                return rows
            await asyncio.sleep(min(limits.poll, 0.5))
        raise TemporaryError(
            f"Check Readiness showed no complete result within {limits.readiness:.0f} s; the page says: "
            f"{await self.view.says(without=self._lines) or 'nothing new'}", where=self.view.access.node)

    def _alerts(self) -> None:
        said = [n for n in self.session.dialogs.notices if words.SAYS_FAILED.search(n)]
        if said:
            raise PermanentError(f"Check Readiness says: {said[-1]}", where=self.view.access.node)

    async def _rows(self) -> list[Row]:
        """Everything on the pages that has the form of a result row."""
        found = [tuple(c for c in row["cells"] if c) for row in await self.view.gather("rows")
                 if not row["header"]]
        for around in await self.view.gather("around", {"word": words.READINESS_CHECKS.pattern}):
            found.extend(tuple(pieces) for pieces in (around["pieces"], *around["siblings"]))
        return list(dict.fromkeys(self._masked(row) for row in found if len(row) > 1))

    def _masked(self, row: Row) -> Row:
        return tuple(self.view.redactor.redact(cell) for cell in row)

    async def _results(self) -> list[Row]:
        """Rows that belong to the check: known names, or rows that came with a state after the press."""
        rows = await self._rows()
        known = [row for row in rows if words.READINESS_CHECKS.search(row[0])]
        fresh = [row for row in rows if row not in self._before and row not in known
                 and words.status_of(list(row)) != "unknown"]
        fresh = [row for row in fresh if not any(row[0] == k[0] for k in known)]
        return [*known, *fresh] or await self._sentences()

    async def _sentences(self) -> list[Row]:
        """A check that says its result in a sentence."""
        new = [line for line in await self.view.lines() if line not in set(self._lines)]
        return [(line,) for line in new if words.status_of([line]) in ("passed", "failed")
                and (len(new) < 6 or "readiness" in line.lower() or words.READINESS_CHECKS.search(line))]

    def _judge(self, rows: list[Row], secondary: str) -> None:
        failed = [row for row in rows if words.status_of(list(row)) == "failed"]
        if not failed:
            return
        quoted = "; ".join(_line(row) for row in failed)
        raise PermanentError(f"HA readiness failed: {quoted}", where=self.view.access.node,
                             hint=_advice(quoted, secondary))


def _line(row: Row) -> str:
    return " | ".join(row)


def _advice(quoted: str, secondary: str) -> str:
    if "health monitor" in quoted.lower():
        return (f"trust between the nodes is not yet restored, or the health monitor of {secondary} does "
                "not run: look at the pins of both nodes, and at `ncs status` there")
    return f"put that right on the primary or on {secondary}, then run again"
