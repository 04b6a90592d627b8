"""Verdicts: what a pin is, from the list, the presented certificate, the baseline and the sightings.

Pure functions; the rules and their order are those of docs/trust.md. Evidence, which says whether a *new*
certificate may be trusted, is ``retrust.evidence``'s and never turns a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from retrust.models import (
    Answers,
    Baseline,
    Collected,
    Grade,
    Pin,
    Presented,
    Relation,
    RestsOn,
    Sighting,
    Unpinned,
    Verdict,
)
from retrust.target import Place
from retrust.x509.dn import DistinguishedName

LATE = timedelta(seconds=60)
"""How late a line may reach us: one this soon after a verification may still be about what it healed."""


@dataclass(frozen=True)
class Facts:
    """Everything a verdict on one pin may rest on.

    ``naming`` are the sightings that are about this edge alone, ``shared`` those that fit several edges;
    ``unpinned`` is the delete that the open case has sent, ``relation`` how the target says that what depends on
    the pin is.
    """

    pin: Pin
    place: Place
    presented: Presented | None = None
    baseline: Baseline | None = None
    naming: tuple[Sighting, ...] = ()
    shared: tuple[Sighting, ...] = ()
    include_self: bool = False
    unpinned: Unpinned | None = None
    relation: Relation | None = None

    @property
    def since_unpinned(self) -> tuple[Sighting, ...]:
        """The sightings, hints apart, that may speak of the pin as it is listed now."""
        said = tuple(s for s in (*self.naming, *self.shared) if not s.is_hint)
        return said if self.unpinned is None else tuple(s for s in said if _after(s, self.unpinned.at))

    @property
    def differs(self) -> bool:
        """Another certificate is presented than the one recorded last."""
        return (
            self.baseline is not None
            and self.presented is not None
            and self.presented.fingerprint != self.baseline.fingerprint
        )

    @property
    def is_broken(self) -> bool:
        """The target itself told us that what depends on the pin does not work."""
        return self.relation is not None and self.relation.healthy is False

    @property
    def is_unpinned(self) -> bool:
        """This case has sent the pin's delete, and what it approved is presented: the pin may be the new one."""
        return (
            self.unpinned is not None
            and self.presented is not None
            and self.presented.fingerprint == self.unpinned.fingerprint
        )


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    reasons: tuple[str, ...]
    contradiction: Collected | None = None
    rests_on: RestsOn | None = None


def judge(facts: Facts) -> Judgement:
    """The verdict on one pin, with every reason that led to it, and what was seen at an unknown time."""
    untimed = [
        f"{s.source} says at an unknown time that the certificate changed; it may be an old line ({s.count}×)"
        for s in facts.naming
        if s.at is None
    ]
    judged = _judged(replace(facts, naming=tuple(s for s in facts.naming if s.at is not None)))
    return replace(judged, reasons=(*judged.reasons, *untimed)) if facts.place.kind == "endpoint" else judged


def _judged(facts: Facts) -> Judgement:
    if facts.place.kind == "self":
        if facts.include_self and _is_another(facts):
            return Judgement(Verdict.STALE, ("names the holder itself, which this site includes", _another(facts)))
        return Judgement(Verdict.SELF, ("names the holder itself",))
    if facts.place.kind == "unknown":
        return Judgement(Verdict.UNKNOWN, (facts.place.why or "names nothing in the inventory",))
    if facts.presented is None:
        return Judgement(Verdict.UNPROVEN, ("the endpoint did not present a certificate",))
    if (
        facts.baseline is not None
        and facts.presented.fingerprint == facts.baseline.fingerprint
        and not _is_another(facts)
    ):
        return _judge_unchanged(facts, facts.baseline)
    if facts.baseline is None and facts.pin.fingerprint == facts.presented.fingerprint and not facts.is_unpinned:
        return _judge_same(facts)
    if facts.is_unpinned and not _is_another(facts) and not facts.since_unpinned:
        return Judgement(Verdict.UNPROVEN, (_UNDECIDED,))
    if reasons := _stale_reasons(facts):
        return Judgement(Verdict.STALE, reasons)
    if facts.is_broken and (weak := _weakly_stale(facts)):
        return weak
    return Judgement(Verdict.UNPROVEN, (*_unproven_reasons(facts),))


_UNDECIDED = (
    "its delete was sent in this case, and it is listed again: made anew, or a delete without effect; "
    "what depends on it shows which"
)


def _stale_reasons(facts: Facts) -> tuple[str, ...]:
    reasons = []
    if facts.differs and facts.baseline and facts.baseline.is_proven:
        reasons.append(
            f"presents another certificate than the one last verified on {facts.baseline.verified_at:%Y-%m-%d}"
        )
    if _is_another(facts):
        reasons.append(_another(facts))
    if facts.baseline is None or (facts.differs and not facts.baseline.is_proven):
        reasons += [
            _naming_reason(s)
            for s in facts.naming
            if not s.is_hint and s.kind != "probe" and _fits_fingerprint(s, facts.presented) and not _attests(s)
        ]
    if reasons and facts.relation and facts.relation.healthy:
        reasons.append(f"{facts.place.relation} is healthy, which speaks against it")
    return tuple(reasons)


def _weakly_stale(facts: Facts) -> Judgement | None:
    """What is nothing by itself, and something beside a relation that we saw broken: a person then decides."""
    seen = f"and {facts.place.relation} is broken"
    if facts.differs and facts.baseline:
        return Judgement(Verdict.STALE, (f"{_unproven_before(facts.baseline)}, {seen}",), rests_on="an unproven look")
    if facts.baseline is not None or facts.unpinned is not None:
        return None
    said = [s for s in facts.naming if _fits_fingerprint(s, facts.presented) and not _attests(s)]
    if probes := [s for s in said if s.kind == "probe" and not s.is_hint]:
        return Judgement(
            Verdict.STALE,
            (f"a look of ours saw the certificate change ({probes[-1].source}), {seen}",),
            rests_on="an unproven look",
        )
    if hints := [s for s in said if s.is_hint]:
        return Judgement(Verdict.STALE, tuple(f"{_hint(s)}, {seen}" for s in hints), rests_on="hints")
    return None


def _unproven_before(baseline: Baseline) -> str:
    return (
        f"presents another certificate than the one recorded on {baseline.verified_at:%Y-%m-%d}, which was not proven"
    )


def _hint(sighting: Sighting) -> str:
    return f"a hint, which anybody can send, names it alone: {_told(sighting)}"


def _told(sighting: Sighting) -> str:
    return f"{sighting.source} ({sighting.count}×, sighting {sighting.id[:8]})"


def _judge_unchanged(facts: Facts, baseline: Baseline) -> Judgement:
    """We see the certificate last verified: whoever says that it changed sees another one than we do."""
    reasons: tuple[str, ...] = (f"presents the certificate last verified on {baseline.verified_at:%Y-%m-%d}",)
    since = [s for s in facts.naming if _after(s, baseline.verified_at)]
    reasons += tuple(f"{_hint(s)}; nothing here changed" for s in since if s.is_hint)
    since = [s for s in since if not s.is_hint]
    logged = [s for s in since if s.kind == "log"]
    certain = [s for s in logged if _after(s, baseline.verified_at + LATE)]
    if certain:
        detail = (
            f"{_told(certain[-1])} says at {certain[-1].at:%Y-%m-%d %H:%M:%S}Z that the certificate "
            f"changed, and we still see the one last verified: the holder sees another certificate than we do"
        )
        return Judgement(
            Verdict.UNPROVEN,
            (*reasons, detail),
            Collected(collector="sightings", answers=Answers.PRECONDITION, grade=Grade.CONTRADICTED, detail=detail),
        )
    if logged:
        return Judgement(
            Verdict.UNPROVEN,
            (*reasons, "a log line reached us just after that verification; it may be about what was healed then"),
        )
    if any(s.kind == "person" for s in since):
        return Judgement(Verdict.FRESH, (*reasons, "a person included it, but nothing here changed"))
    return Judgement(Verdict.FRESH, reasons)


def _after(sighting: Sighting, moment: datetime) -> bool:
    return sighting.at is not None and sighting.at > moment


def _unproven_reasons(facts: Facts) -> list[str]:
    reasons = [
        "no certificate was verified for this edge before, and its subject is the pinned one"
        if facts.baseline is None
        else _unproven_before(facts.baseline)
    ]
    reasons += [
        f"{_hint(s)}; that counts only beside a broken {facts.place.relation or 'relation'}"
        for s in facts.naming
        if s.is_hint
    ]
    reasons += [
        f"a sighting ({s.source}) has a name that was cut and makes no pin stale by itself"
        if s.has_cut_name
        else f"a sighting ({s.source}) fits several pins and makes none of them stale by itself"
        for s in facts.shared
    ]
    reasons += [
        f"a renewal to {s.fingerprint} was announced, but another certificate is presented"
        for s in facts.naming
        if not _fits_fingerprint(s, facts.presented)
    ]
    return reasons


def _attests(sighting: Sighting) -> bool:
    """A fingerprint that a person entered is evidence for what is presented, not a reason to doubt the pin."""
    return sighting.kind == "person" and sighting.fingerprint is not None


def _fits_fingerprint(sighting: Sighting, presented: Presented | None) -> bool:
    return sighting.fingerprint is None or (presented is not None and sighting.fingerprint == presented.fingerprint)


def _naming_reason(sighting: Sighting) -> str:
    match sighting.kind:
        case "log":
            return f"a log line names it alone: {_told(sighting)}"
        case "person":
            return f"{sighting.actor} included it"
        case _:
            return f"a renewal was announced by {sighting.source}"


def _is_another(facts: Facts) -> bool:
    """Whether the list itself shows that another certificate is pinned; a subject that cannot be read says nothing."""
    if facts.presented is None:
        return False
    if facts.pin.fingerprint is not None:
        return facts.pin.fingerprint != facts.presented.fingerprint
    pinned = DistinguishedName.parse(facts.pin.subject)
    return pinned.readable and pinned != DistinguishedName.parse(facts.presented.subject)


def _another(facts: Facts) -> str:
    seen = facts.presented
    if facts.pin.fingerprint is not None:
        return (
            f"the pinned {facts.pin.fingerprint} differs from the presented {seen.fingerprint if seen else 'nothing'}"
        )
    return (
        f"pinned subject {facts.pin.subject.strip()} differs from the presented {seen.subject if seen else 'nothing'}"
    )


def _judge_same(facts: Facts) -> Judgement:
    """The store shows that it holds what is presented; nothing was verified before that could contradict it."""
    held = "the pinned certificate is the one that is presented"
    if logged := [s for s in facts.naming if s.kind == "log" and not s.is_hint]:
        said = f"{_told(logged[-1])} says that it changed: an old line, or the holder sees another one than we do"
        return Judgement(Verdict.UNPROVEN, (held, said))
    return Judgement(Verdict.FRESH, (held,))


@dataclass(frozen=True)
class Candidate:
    """A pin that a sighting may be about."""

    pin: Pin
    place: Place
    presented: Presented | None


def attribute(
    sighting: Sighting, candidates: Sequence[Candidate], fits: Callable[[Sighting, Pin, Place], bool]
) -> tuple[Pin, ...]:
    """The pins a sighting is about: by the edge it names, else by role and place, then by DN.

    A log line prints the DN of the certificate presented *now*, so it is compared with that one;
    a whole match outweighs a partial one (some lines print the CN alone).
    """
    if sighting.holder and sighting.key:
        return tuple(c.pin for c in candidates if (c.pin.holder, c.pin.key) == (sighting.holder, sighting.key))
    possible = [c for c in candidates if c.place.kind == "endpoint" and fits(sighting, c.pin, c.place)]
    if sighting.endpoint is not None:
        there = [c for c in possible if c.place.endpoint == sighting.endpoint]
        # An endpoint may present several, each to who asks for its kind: the one that was named is about its own pins.
        named = [c for c in there if c.presented and c.presented.fingerprint == sighting.fingerprint]
        return tuple(c.pin for c in named or there)
    if sighting.dn is None:
        return tuple(c.pin for c in possible)
    if sighting.has_cut_name:
        return tuple(
            c.pin for c in possible if c.presented and DistinguishedName.parse(c.presented.subject).may_be(sighting.dn)
        )
    dn = DistinguishedName.parse(sighting.dn)
    seen = [(c.pin, DistinguishedName.parse(c.presented.subject)) for c in possible if c.presented]
    whole = tuple(pin for pin, subject in seen if subject == dn)
    return whole or tuple(pin for pin, subject in seen if subject.covers(dn))
