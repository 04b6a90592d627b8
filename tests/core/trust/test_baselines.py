"""Which certificates become the ones to compare with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.model import certificate
from retrust.models import Baseline, Evidence, Finding, Grade, Pin, Relation, Snapshot, Verdict
from retrust.trust.baselines import baseline, healthy_baselines, taken_up, verified_baselines

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PIN = Pin(holder="hub", key="alpha_1", subject="CN=alpha", line="alpha_1; CN=alpha")
UP, DOWN, UNWORDED = (Relation(status="x", healthy=healthy) for healthy in (True, False, None))
SUPPORTED, CONTRADICTED = Evidence(grade=Grade.SUPPORTED), Evidence(grade=Grade.CONTRADICTED)


def finding(**said: Any) -> Finding:
    """An unproven pin that a relation depends on, as a first look finds it."""
    first = {"pin": PIN, "presented": certificate("alpha-0"), "verdict": Verdict.UNPROVEN, "relation": "alpha"}
    return Finding.model_validate(first | said)


def known(grade: Grade, of: str = "alpha-0") -> Baseline:
    return baseline("campus", finding(presented=certificate(of), evidence=Evidence(grade=grade)), NOW)


def snapshot(*findings: Finding, relation: Relation | None = UP) -> Snapshot:
    return Snapshot(site="campus", target="model", observed_at=NOW, findings=findings, relations={"alpha": relation})


TAKEN: list[Any] = [
    pytest.param(finding(), UP, True, id="a first look at a healthy relation"),
    pytest.param(finding(), DOWN, False, id="not where the relation is broken"),
    pytest.param(finding(), UNWORDED, False, id="nor where its words mean neither"),
    pytest.param(finding(), None, False, id="nor where it could not be read"),
    pytest.param(finding(relation=None), UP, False, id="nor where nothing depends on the pin"),
    pytest.param(finding(presented=None), UP, False, id="nor what does not answer"),
    pytest.param(finding(sighted=True), UP, False, id="nor what a sighting may be about"),
    pytest.param(finding(evidence=CONTRADICTED), UP, False, id="nor what is contradicted"),
    pytest.param(finding(verdict=Verdict.STALE), UP, False, id="nor a stale pin"),
    pytest.param(finding(baseline=known(Grade.SUPPORTED, "old")), UP, True, id="in place of one that was not proven"),
    pytest.param(finding(baseline=known(Grade.PROVEN, "old")), UP, False, id="never in place of a proven one"),
    pytest.param(
        finding(baseline=known(Grade.PROVEN, "old"), unpinned=True), UP, True, id="unless this case deleted that pin"
    ),
    pytest.param(
        finding(verdict=Verdict.FRESH, baseline=known(Grade.NONE), evidence=SUPPORTED),
        UP,
        True,
        id="the same certificate with better evidence",
    ),
    pytest.param(
        finding(verdict=Verdict.FRESH, baseline=known(Grade.SUPPORTED), evidence=SUPPORTED),
        UP,
        False,
        id="not with evidence that is as good",
    ),
]


@pytest.mark.parametrize(("found", "relation", "is_taken"), TAKEN)
def test_a_healthy_relation_vouches(found: Finding, relation: Relation | None, is_taken: bool) -> None:
    """Each row: what a look found, how the relation is, and whether the certificate becomes the baseline."""
    expected = [baseline("campus", found, NOW)] if is_taken else []
    assert healthy_baselines(snapshot(found, relation=relation)) == expected


def test_a_baseline_says_how_well_it_was_known() -> None:
    """It has the grade of the evidence that there was, and the time of the look."""
    made = baseline("campus", finding(evidence=SUPPORTED), NOW)
    assert (made.edge, made.grade, made.verified_at) == ("hub:alpha_1", Grade.SUPPORTED, NOW)
    assert made.fingerprint == certificate("alpha-0").fingerprint


def test_what_an_approved_plan_expected_is_verified() -> None:
    """Of the edges of the plan alone, and only where a certificate was seen."""
    other = finding(pin=PIN.model_copy(update={"key": "beta_1"}))
    silent = finding(pin=PIN.model_copy(update={"key": "gamma_1"}), presented=None)
    later = NOW + timedelta(hours=1)
    verified = verified_baselines(snapshot(finding(), other, silent), {"hub:alpha_1", "hub:gamma_1"}, later)
    assert [(b.edge, b.verified_at) for b in verified] == [("hub:alpha_1", later)]


def test_what_is_verified_is_fresh_from_then_on() -> None:
    """The pins that present the verified certificate are fresh, with their baseline; the others stay as they are."""
    other = finding(pin=PIN.model_copy(update={"key": "beta_1"}))
    (alpha, beta) = taken_up(snapshot(finding(), other), [known(Grade.PROVEN)]).findings
    assert (alpha.verdict, alpha.baseline) == (Verdict.FRESH, known(Grade.PROVEN))
    assert beta == other
    (changed,) = taken_up(snapshot(finding()), [known(Grade.PROVEN, "alpha-1")]).findings
    assert changed == finding()


@pytest.mark.parametrize(("relation", "why"), [("alpha", "alpha is healthy, so"), (None, "every step is verified, so")])
def test_the_reason_names_what_vouched(relation: str | None, why: str) -> None:
    """Where no relation depends on the pin, the run's own steps do."""
    (found,) = taken_up(snapshot(finding(relation=relation)), [known(Grade.PROVEN)]).findings
    assert found.reasons[0].startswith(why)
