"""What moves on a terminal while work goes on: a spinner, and a bar with the time left. By Rich, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from retrust.cli import output
from retrust.cli.output import Moving
from retrust.models import Progress
from retrust.present.text import escaped


@contextmanager
def spinner(text: str) -> Iterator[None]:
    Moving.live = Console(stderr=True).status(Text(escaped(text)))
    Moving.live.start()
    try:
        yield
    finally:
        Moving.stop()


class Bar:
    """How far a step came: a bar with the time left on a terminal, a line for each quarter elsewhere."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None
        self._bars: Bars | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.percent is None or not sys.stderr.isatty():
            quarter = progress.what, (progress.percent or 0) // 25
            if quarter != self._said:
                self._said = quarter
                output.say(f"  {progress}")
        elif output.verbosity >= 0:
            self._draw(progress.what, progress.percent)

    def _draw(self, what: str, percent: int) -> None:
        if self._bars is None or Moving.live is not self._bars:
            Moving.stop()
            columns = TextColumn("  {task.description}", markup=False), BarColumn(24), TaskProgressColumn()
            self._bars = Moving.live = Bars(
                *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
            )
            self._bars.start()
            self._said = None
        if self._said != (what, 0):
            self._said = what, 0
            self._bars.add_task(escaped(what), total=100)
        self._bars.update(self._bars.task_ids[-1], completed=percent, refresh=True)
