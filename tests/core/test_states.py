from __future__ import annotations

from pathlib import Path

import pytest

from retrust.states import FINAL, OPEN_STATES, TABLE, Event, IllegalMove, State, document, event_named, next_state


def test_every_state_is_in_the_table() -> None:
    """The table says of each state what may follow."""
    assert set(TABLE) == set(State)


def test_final_states() -> None:
    """Healed, refused, expired and cancelled end a case; failed does not."""
    assert {State.HEALED, State.REFUSED, State.EXPIRED, State.CANCELLED} == FINAL
    assert State.FAILED in OPEN_STATES


def test_an_event_leads_to_one_state() -> None:
    """Whatever a case was before, an event means the same."""
    leads: dict[Event, set[State]] = {}
    for moves in TABLE.values():
        for event, state in moves.items():
            leads.setdefault(event, set()).add(state)
    assert set(leads) == set(Event)
    assert all(len(states) == 1 for states in leads.values())


@pytest.mark.parametrize("state", OPEN_STATES)
def test_every_open_state_can_be_planned_failed_refused_and_cancelled(state: State) -> None:
    """A pass may find a case in any open state, start again from the top, and stop for any reason."""
    assert {Event.PLAN, Event.FAIL, Event.REFUSE, Event.CANCEL} <= set(TABLE[state])


@pytest.mark.parametrize("state", [State.OPEN, State.PLANNED, State.WAITING])
def test_nothing_is_executed_unapproved(state: State) -> None:
    """Only approval, or having executed before, leads to executing."""
    assert Event.EXECUTE not in TABLE[state]


@pytest.mark.parametrize("state", [State.EXECUTING, State.VERIFYING])
def test_what_may_have_been_sent_does_not_expire(state: State) -> None:
    """A case in which steps may have been sent is brought to an end by observation, not by a clock."""
    assert Event.EXPIRE not in TABLE[state]


def test_an_illegal_move_names_state_and_event() -> None:
    """The error says what the case is and what was asked of it."""
    with pytest.raises(IllegalMove, match=r"case c7: a case that is healed cannot plan .*nothing: it is final"):
        next_state(State.HEALED, Event.PLAN, case="c7")


@pytest.mark.parametrize("event", Event)
def test_an_event_is_named_by_itself_or_by_its_state(event: Event) -> None:
    """``move(case, "healed")`` and ``move(case, "heal")`` are the same."""
    state = next(moves[event] for moves in TABLE.values() if event in moves)
    assert event_named(event.value) is event
    assert event_named(state.value) is event


@pytest.mark.parametrize("name", ["open", "heals", ""])
def test_a_word_that_leads_nowhere(name: str) -> None:
    """No case moves to open, and no unknown word moves any."""
    with pytest.raises(ValueError, match="neither an event nor a state"):
        event_named(name)


def test_the_document_is_the_table() -> None:
    """docs/states.md is what ``python -m retrust.states`` writes."""
    written = Path(__file__).parents[2] / "docs" / "states.md"
    assert written.read_text(encoding="utf-8") == document()
