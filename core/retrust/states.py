"""A case's states and what leads from one to the next, as one literal table without I/O.

A run is a pass: it may find the case in any state that is not final, and says what it found or did as
an *event*; the table says where that leads. ``failed`` is no end: the case stays the site's open case,
and a later pass takes it up again. The ledger refuses a move that is not in the table; the diagram in
``docs/states.md`` is written from it (``python -m retrust.states``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from retrust.errors import PermanentError


class State(StrEnum):
    OPEN = "open"
    PLANNED = "planned"
    WAITING = "waiting"
    APPROVED = "approved"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    HEALED = "healed"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What a pass or a person says of a case; each leads to one state only, whatever it was before."""

    PLAN = "plan"  # a plan was made, or made anew because the world changed
    WAIT = "wait"  # a gate is shut, or a fact must come from a person
    APPROVE = "approve"  # every gate of the plan is open
    EXECUTE = "execute"  # the plan's digest is used; steps may be sent
    VERIFY = "verify"  # no step is left to send
    HEAL = "heal"  # observed: trust is re-established
    FAIL = "fail"  # something did not work; a later pass may try again
    REFUSE = "refuse"  # what was seen looks like an interception
    EXPIRE = "expire"  # nobody decided in time
    CANCEL = "cancel"  # a person ended it


S, E = State, Event

TABLE: Final[dict[State, dict[Event, State]]] = {
    S.OPEN: {
        E.PLAN: S.PLANNED,
        E.WAIT: S.WAITING,
        E.HEAL: S.HEALED,
        E.FAIL: S.FAILED,
        E.REFUSE: S.REFUSED,
        E.EXPIRE: S.EXPIRED,
        E.CANCEL: S.CANCELLED,
    },
    S.PLANNED: {
        E.PLAN: S.PLANNED,
        E.WAIT: S.WAITING,
        E.APPROVE: S.APPROVED,
        E.HEAL: S.HEALED,
        E.FAIL: S.FAILED,
        E.REFUSE: S.REFUSED,
        E.EXPIRE: S.EXPIRED,
        E.CANCEL: S.CANCELLED,
    },
    S.WAITING: {
        E.PLAN: S.PLANNED,
        E.WAIT: S.WAITING,
        E.APPROVE: S.APPROVED,
        E.HEAL: S.HEALED,
        E.FAIL: S.FAILED,
        E.REFUSE: S.REFUSED,
        E.EXPIRE: S.EXPIRED,
        E.CANCEL: S.CANCELLED,
    },
    S.APPROVED: {
        E.PLAN: S.PLANNED,
        E.WAIT: S.WAITING,
        E.APPROVE: S.APPROVED,
        E.EXECUTE: S.EXECUTING,
        E.HEAL: S.HEALED,
        E.FAIL: S.FAILED,
        E.REFUSE: S.REFUSED,
        E.EXPIRE: S.EXPIRED,
        E.CANCEL: S.CANCELLED,
    },
    # Steps may have been sent: such a case does not expire, and it heals only by way of verifying.
    S.EXECUTING: {
        E.PLAN: S.PLANNED,
        E.WAIT: S.WAITING,
        E.EXECUTE: S.EXECUTING,
        E.VERIFY: S.VERIFYING,
        E.FAIL: S.FAILED,
        E.REFUSE: S.REFUSED,
        E.CANCEL: S.CANCELLED,
    },
    S.VERIFYING: {
        E.PLAN: S.PLANNED,
        E.WAIT: S.WAITING,
        E.EXECUTE: S.EXECUTING,
        E.VERIFY: S.VERIFYING,
        E.HEAL: S.HEALED,
        E.FAIL: S.FAILED,
        E.REFUSE: S.REFUSED,
        E.CANCEL: S.CANCELLED,
    },
    # Back to executing only with the digest that this case used: the ledger holds that, not the table.
    S.FAILED: {
        E.PLAN: S.PLANNED,
        E.WAIT: S.WAITING,
        E.EXECUTE: S.EXECUTING,
        E.VERIFY: S.VERIFYING,
        E.HEAL: S.HEALED,
        E.FAIL: S.FAILED,
        E.REFUSE: S.REFUSED,
        E.EXPIRE: S.EXPIRED,
        E.CANCEL: S.CANCELLED,
    },
    S.HEALED: {},
    S.REFUSED: {},
    S.EXPIRED: {},
    S.CANCELLED: {},
}

FINAL: Final = frozenset(state for state, moves in TABLE.items() if not moves)
OPEN_STATES: Final = tuple(state for state, moves in TABLE.items() if moves)


class IllegalMove(PermanentError):
    """A move that the table does not hold; names the state and the event."""

    def __init__(self, state: State, event: str, *, case: str | None = None) -> None:
        allowed = ", ".join(TABLE[state]) or "nothing: it is final"
        super().__init__(
            f"a case that is {state} cannot {event}",
            where=case and f"case {case}",
            hint=f"from {state} it can: {allowed}",
        )
        self.state = state
        self.event = event


def next_state(state: State, event: Event, *, case: str | None = None) -> State:
    """Where ``event`` leads a case that is ``state``; IllegalMove names both where it leads nowhere."""
    following = TABLE[state].get(event)
    if following is None:
        raise IllegalMove(state, event, case=case)
    return following


def event_named(name: str) -> Event:
    """The event called ``name``, or the one that leads to the state called ``name``."""
    leads = {state: event for moves in TABLE.values() for event, state in moves.items()}
    if name in set(Event):
        return Event(name)
    if name in set(State) and State(name) in leads:
        return leads[State(name)]
    raise ValueError(f"{name!r} is neither an event nor a state that a case can move to")


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> open"]
    lines += [
        f"    {state} --> {following}: {event}" for state, moves in TABLE.items() for event, following in moves.items()
    ]
    lines += [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines)


def document() -> str:
    """The whole of ``docs/states.md``."""
    final = ", ".join(f"`{state}`" for state in State if state in FINAL)
    return (
        "# The states of a case\n\n"
        "Written from the table in `core/retrust/states.py` by `python -m retrust.states`; "
        "a test fails when they differ.\n\n"
        f"Final: {final}. `failed` is not: the case stays the site's open one and a later pass takes it "
        "up again. A case in which steps may have been sent neither expires nor heals unverified.\n\n"
        f"```mermaid\n{diagram()}\n```\n"
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(document())
