"""What goes on within a step, as far as it is worth keeping.

A registration tells its percents by the second; a person who follows a case, now or in an audit, needs its
milestones. So progress is thinned here, once, for everybody who is told: the ledger, the terminal and Prefect.
Steps themselves are recorded by ``retrust.runs.steps``, never thinned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrust.errors import RetrustError
from retrust.ledger.entries import Progressed
from retrust.models import Progress
from retrust.target import Follow

if TYPE_CHECKING:
    from retrust.ledger import Ledger

STRIDE = 10
"""Percents of one milestone between two that are kept; its first and its end always are."""


class Follower:
    """Tells of a pass's progress: whoever follows it, and the ledger while a step runs. It never ends a step."""

    def __init__(
        self,
        ledger: Ledger,
        redact: Callable[[str], str],
        actor: str,
        run: str,
        site: str,
        follow: Follow,
        tell: Callable[[str], None],
    ) -> None:
        self._ledger, self._redact, self._follow, self._tell = ledger, redact, follow, tell
        self._who = {"actor": actor, "run": run, "site": site}
        self._step: tuple[str, str, str] | None = None
        self._told = Thinned()

    @contextmanager
    def about(self, case: str, digest: str, step: str) -> Iterator[None]:
        """What goes on in this block is about a step of a case's plan."""
        self._step, self._told = (case, digest, step), Thinned()
        try:
            yield
        finally:
            self._step = None

    async def __call__(self, progress: Progress) -> None:
        if not self._told.is_news(progress):
            return
        told = Progress(self._redact(progress.what), progress.percent)
        await self._follow(told)
        if self._step is None:
            return
        case, digest, step = self._step
        try:
            await self._ledger.append(
                Progressed(digest=digest, step=step, what=told.what, percent=told.percent), case=case, **self._who
            )
        except RetrustError as error:
            self._tell(f"{told} could not be kept: {self._redact(str(error))}")


@dataclass
class Thinned:
    """Remembers what was told last, of each milestone."""

    _last: dict[str, int | None] = field(default_factory=dict)
    _latest: str = ""

    def is_news(self, progress: Progress) -> bool:
        known, last = progress.what in self._last, self._last.get(progress.what)
        if progress.percent is None:
            news = progress.what != self._latest
        elif not known or last is None or progress.percent < last:
            news = True
        else:
            news = progress.percent - last >= STRIDE or (progress.percent == 100 and last != 100)
        if news:
            self._last[progress.what], self._latest = progress.percent, progress.what
        return news
