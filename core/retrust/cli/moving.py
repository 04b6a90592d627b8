"""What moves on a terminal while work goes on: a spinner, and a bar with the time left. By Rich, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from retrust.cli import live
from retrust.models import Progress
from retrust.present.text import escaped


@contextmanager
def spinner(text: str) -> Iterator[None]:
    live.start(Console(stderr=True).status(Text(escaped(text))))
    try:
        yield
    finally:
        live.stop()


class Bar:
    """How far a step came: a bar with the time left where ``draws``, else ``say`` gets a line for each quarter."""

    def __init__(self, say: Callable[[str], None], *, draws: bool) -> None:
        self._say, self._draws = say, draws
        self._said: tuple[str, int] | None = None
        self._bars: Bars | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.percent is not None and self._draws:
            self._draw(progress.what, progress.percent)
            return
        quarter = progress.what, (progress.percent or 0) // 25
        if quarter != self._said:
            self._said = quarter
            self._say(f"  {progress}")

    def _draw(self, what: str, percent: int) -> None:
        if self._bars is None or not live.moves(self._bars):
            columns = TextColumn("  {task.description}", markup=False), BarColumn(24), TaskProgressColumn()
            self._bars = Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            live.start(self._bars)
            self._said = None
        if self._said != (what, 0):
            self._said = what, 0
            self._bars.add_task(escaped(what), total=100)
        self._bars.update(self._bars.task_ids[-1], completed=percent, refresh=True)
