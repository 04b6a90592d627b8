"""How long the command line takes to say what it can do."""

from __future__ import annotations

import sys

from benchmarks.processes import medians, python
from benchmarks.report import Row, beside, table, under

ROUNDS = 11
GOAL = 0.3


def run() -> list[Row]:
    known = medians(
        {
            "help": python("-m", "retrust", "--help"),
            "nothing": python("-c", "pass"),
            "typer": python("-c", "import typer, rich.console, pluggy, importlib.metadata"),
        },
        ROUNDS,
    )
    ours, nothing, typer = (known[name] for name in ("help", "nothing", "typer"))
    return [
        under("`retrust --help`, whole process", ours.wall, GOAL),
        beside("… its CPU time", ours.cpu, nothing.cpu, peer_name="`python -c pass`"),
        beside("… its CPU time", ours.cpu, typer.cpu, peer_name="importing Typer, Rich and pluggy"),
    ]


if __name__ == "__main__":
    sys.stdout.write(table(run()))
