"""What a person is told when Retrust can go no further by itself."""

from __future__ import annotations

from datetime import UTC, datetime

from retrust.errors import PersonNeeded, TemporaryError
from retrust.models import Endpoint, Finding, Pin, Presented, Relation, Snapshot, Verdict
from retrust.trust.blockers import help_needed, unanswered

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PIN = Pin(holder="primary", key="10.0.0.12_8082", subject="CN=x", line="")
SEEN = Presented(
    fingerprint="SHA256:a", key_fingerprint="SHA256:k", subject="CN=x", issuer="CN=x", not_before=NOW, not_after=NOW
)
UNPROVEN = Finding(
    pin=PIN, endpoint=Endpoint(host="10.0.0.12", port=8082), presented=SEEN, verdict=Verdict.UNPROVEN, relation="ha"
)
ILL, WELL = Relation(status="HA Not Configured", healthy=False), Relation(status="Primary Active", healthy=True)


def snapshot(finding: Finding, relation: Relation | None, problems: tuple[str, ...] = ()) -> Snapshot:
    return Snapshot(
        site="campus",
        target="cisco-prime",
        observed_at=NOW,
        findings=(finding,),
        relations={"ha": relation},
        problems=problems,
    )


def test_an_unhealthy_relation_with_unproven_pins_names_what_to_supply() -> None:
    """It is never nothing to do: exit 3, with the pin to include."""
    needed = help_needed(snapshot(UNPROVEN, ILL))
    assert isinstance(needed, PersonNeeded)
    assert "--include primary:10.0.0.12_8082" in str(needed)
    assert "'HA Not Configured'" in str(needed)


def test_an_unhealthy_relation_with_fresh_pins_is_not_ours() -> None:
    """Where no pin is the cause, that is said, and nothing is changed."""
    needed = help_needed(snapshot(UNPROVEN.model_copy(update={"verdict": Verdict.FRESH}), ILL))
    assert isinstance(needed, PersonNeeded)
    assert "none of its own pins is stale" in str(needed)


def test_a_healthy_relation_needs_nobody() -> None:
    """Unproven pins under a healthy relation need nothing."""
    assert help_needed(snapshot(UNPROVEN, WELL)) is None


def test_a_relation_that_could_not_be_read_counts_only_where_asked() -> None:
    """Before anything was done it is a doubt; after a heal it is none."""
    assert isinstance(help_needed(snapshot(UNPROVEN, None)), PersonNeeded)
    assert help_needed(snapshot(UNPROVEN, None), unread=False) is None


def test_an_endpoint_that_does_not_answer_stops_unless_its_relation_is_healthy() -> None:
    """The error quotes the problem; a healthy relation shows that only this machine cannot see it."""
    silent = UNPROVEN.model_copy(update={"presented": None})
    problem = "10.0.0.12:8082: refused the connection"
    error = unanswered(snapshot(silent, ILL, (problem,)))
    assert isinstance(error, TemporaryError)
    assert problem in str(error)
    assert unanswered(snapshot(silent, WELL, (problem,))) is None
