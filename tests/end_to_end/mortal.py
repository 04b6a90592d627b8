"""Runs passes in processes that kill themselves at a named point, for ``test_killed``.

Started once: it imports everything, then forks a process for each line it reads, so that no death costs an
interpreter's start. The points wrap the ledger's transactions and the connection's send from outside; the
product knows none of them.

A line in: ``{"inventory", "home", "ledger", "die"}``. Lines out: ``{"told"}`` for what a person is told,
``{"point"}`` for each point passed, ``{"outcome"}`` or ``{"error"}``, and last ``{"ended": status}``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from kit.campus import ALICE, SITE, engine_over, one_pass
from retrust.approval.decisions import Attendance
from retrust.ledger import Entry, Ledger
from retrust.ledger.entries import CaseMoved, StepRecorded
from retrust.ledger.journal import Journal
from retrust.runs.passes import one_pass as _  # noqa: F401 - loaded before the fork, like all that a pass needs
from retrust_plugins.cisco_prime.connection import PrimeConnection


def say(**what: object) -> None:
    os.write(1, (json.dumps(what) + "\n").encode())


class Points:
    """Counts the points of each name; the n-th one of the chosen name is the last."""

    def __init__(self, die: str | None) -> None:
        self._die = die
        self._passed: Counter[str] = Counter()

    def pass_by(self, name: str) -> None:
        self._passed[name] += 1
        point = f"{name} #{self._passed[name]}"
        if point == self._die:
            os.kill(os.getpid(), signal.SIGKILL)
        say(point=point)


def watch(points: Points) -> None:
    """After each entry of the chain, and where a step was sent and the ledger does not know it yet."""
    tell, send = Journal._tell, PrimeConnection.send

    async def telling(self, entries):
        await tell(self, entries)
        for entry in entries:
            points.pass_by(named(entry))

    async def sending(self, step, before_send):
        await send(self, step, before_send)
        points.pass_by(f"{step.kind} is out")

    setattr(Journal, "_tell", telling)  # noqa: B010
    setattr(PrimeConnection, "send", sending)  # noqa: B010


def named(entry: Entry) -> str:
    match entry.body:
        case StepRecorded() as step:
            # Listed again or not yet: whether the nodes have met meanwhile is chance, and nothing hangs on it.
            ended = step.phase in ("done", "undecided")
            return f"{step.kind} {'ended' if ended else step.phase}"
        case CaseMoved(state=state):
            return f"the case is {state}"
        case _:
            return entry.kind


async def run(order: dict) -> None:
    engine = engine_over(Path(order["inventory"]), Path(order["home"]))
    ledger = await Ledger.open(order["ledger"], engine.home, redact=engine.redactor.redact)
    try:
        ended = await one_pass(
            engine, ledger, engine.site(SITE), tell=lambda text: say(told=text), attendance=Attendance(ALICE, yes=True)
        )
        say(outcome=ended.outcome)
    finally:
        await ledger.close()


def child(order: dict) -> None:
    status = 1
    try:
        watch(Points(order["die"]))
        asyncio.run(run(order))
        status = 0
    except BaseException as error:
        say(error=f"{type(error).__name__}: {error}")
    finally:
        os._exit(status)


if __name__ == "__main__":
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        say(ended=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
