"""What a whole process costs: wall time, its CPU time with its children's, its peak memory.

Commands are compared in turn within every round, so that a noisy moment meets all of them. On a machine that does other
work, CPU time is the steadier figure.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """What to run, in which environment, and which exit codes are as they should be."""

    arguments: Sequence[str]
    environment: Mapping[str, str] | None = None
    ok: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Cost:
    wall: float
    cpu: float
    peak: float
    """MiB"""


def python(*arguments: str, environment: Mapping[str, str] | None = None, ok: tuple[int, ...] = (0,)) -> Command:
    return Command([sys.executable, *arguments], environment, ok)


def cost(command: Command) -> Cost:
    began = time.perf_counter()
    with subprocess.Popen(
        command.arguments,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in command.ok:
        raise SystemExit(f"{command.arguments} ended with {process.returncode}: {said.decode()[-2000:]}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def medians(commands: Mapping[str, Command], rounds: int) -> dict[str, Cost]:
    """The median of each figure, over rounds in which every command runs once."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(cost(command))
    return {
        name: Cost(*(statistics.median(getattr(c, what) for c in taken) for what in ("wall", "cpu", "peak")))
        for name, taken in costs.items()
    }
