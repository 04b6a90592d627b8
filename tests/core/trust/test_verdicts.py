"""The rules of verdicts, one row each, in their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust.models import Baseline, Endpoint, Grade, Pin, Presented, Relation, Sighting, Unpinned, Verdict
from retrust.target import Place
from retrust.trust.verdicts import LATE, Candidate, Facts, attribute, judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUBJECT = "/C=US/O=Cisco Systems/CN=prime-sec"
PIN = Pin(holder="primary", key="10.0.0.12_8082", subject=SUBJECT, line=f"host=10.0.0.12_8082; subject= {SUBJECT}")
PEER = Place("endpoint", Endpoint(host="10.0.0.12", port=8082), "ha", peer="secondary")


def presented(fingerprint: str = "SHA256:new", subject: str = "CN=prime-sec,O=Cisco Systems,C=US") -> Presented:
    return Presented(
        fingerprint=fingerprint,
        key_fingerprint="SHA256:key",
        subject=subject,
        issuer=subject,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=365),
    )


def baseline(fingerprint: str = "SHA256:old", grade: Grade = Grade.PROVEN) -> Baseline:
    return Baseline(
        site="campus",
        holder=PIN.holder,
        key=PIN.key,
        fingerprint=fingerprint,
        key_fingerprint="SHA256:key",
        subject="CN=prime-sec",
        verified_at=NOW - timedelta(days=30),
        grade=grade,
    )


def sighting(kind: str = "log", at: datetime = NOW, **more: object) -> Sighting:
    return Sighting.model_validate(
        {
            "id": "s1",
            "kind": kind,
            "at": at,
            "received_at": at,
            "source": "hm-0-0.log",
            "actor": "person:ann",
            "level": "authenticated",
            **more,
        }
    )


NEW, OLD = presented(), presented("SHA256:old")
LOGGED = (sighting(),)
HINTED = (sighting(level="hint"),)
PROBED = (sighting("probe", fingerprint="SHA256:new"),)
BROKEN, HEALTHY = Relation(status="HA Failed", healthy=False), Relation(status="Primary Active", healthy=True)
SHOWN = PIN.model_copy(update={"fingerprint": "SHA256:new"})
UNWORDED = Relation(status="Configuring", healthy=None)
WEAK = baseline(grade=Grade.SUPPORTED)
RULES = {
    "1 a key that names the holder itself is self": (Facts(PIN, Place("self")), Verdict.SELF),
    "1 self outweighs sightings": (Facts(PIN, Place("self"), NEW, naming=LOGGED), Verdict.SELF),
    "1 self with another subject is stale where the site includes it": (
        Facts(PIN, Place("self"), presented(subject="CN=x"), include_self=True),
        Verdict.STALE,
    ),
    "2 a key that names nothing is unknown": (Facts(PIN, Place("unknown"), NEW), Verdict.UNKNOWN),
    "3 another fingerprint than the last verified is stale": (Facts(PIN, PEER, NEW, baseline()), Verdict.STALE),
    "3 another subject than the pinned is stale": (Facts(PIN, PEER, presented(subject="CN=other")), Verdict.STALE),
    "3 a store that shows another fingerprint than the presented is stale, whatever the subjects say": (
        Facts(SHOWN, PEER, presented("SHA256:newer")),
        Verdict.STALE,
    ),
    "4 a store that shows the very fingerprint that is presented is fresh, without a baseline": (
        Facts(SHOWN, PEER, presented(subject="CN=other")),
        Verdict.FRESH,
    ),
    "4 a log line against a store that shows the presented fingerprint makes it unproven": (
        Facts(SHOWN, PEER, NEW, naming=LOGGED),
        Verdict.UNPROVEN,
    ),
    "4 a store that shows the presented fingerprint is stale where a proven baseline differs: who pinned it?": (
        Facts(SHOWN, PEER, NEW, baseline()),
        Verdict.STALE,
    ),
    "3 another subject is stale though we see the last verified: an old store was restored": (
        Facts(PIN, PEER, presented("SHA256:old", "CN=other"), baseline()),
        Verdict.STALE,
    ),
    "3 a sighting that names this edge alone is stale": (Facts(PIN, PEER, NEW, naming=LOGGED), Verdict.STALE),
    "3 a sighting shared with other edges is not": (Facts(PIN, PEER, NEW, shared=LOGGED), Verdict.UNPROVEN),
    "3 a sighting while we see the last verified is never stale": (
        Facts(PIN, PEER, OLD, baseline(), naming=LOGGED),
        Verdict.UNPROVEN,
    ),
    "3 an old sighting changes nothing": (
        Facts(PIN, PEER, OLD, baseline(), naming=(sighting(at=NOW - timedelta(days=31)),)),
        Verdict.FRESH,
    ),
    "3 an announced renewal that is presented is stale": (
        Facts(PIN, PEER, NEW, naming=(sighting("renewed", fingerprint="SHA256:new"),)),
        Verdict.STALE,
    ),
    "3 an announced renewal that is not presented yet is not": (
        Facts(PIN, PEER, NEW, naming=(sighting("renewed", fingerprint="SHA256:later"),)),
        Verdict.UNPROVEN,
    ),
    "3 a person's inclusion is a sighting": (Facts(PIN, PEER, NEW, naming=(sighting("person"),)), Verdict.STALE),
    "3 a fingerprint that a person attests makes nothing stale": (
        Facts(PIN, PEER, NEW, naming=(sighting("person", fingerprint="SHA256:new"),)),
        Verdict.UNPROVEN,
    ),
    "3 another fingerprint than one that was not proven is not": (Facts(PIN, PEER, NEW, WEAK), Verdict.UNPROVEN),
    "3 nor beside a relation that is healthy, or of which nothing is known": (
        Facts(PIN, PEER, NEW, WEAK, relation=UNWORDED),
        Verdict.UNPROVEN,
    ),
    "3 it is where we saw the relation broken": (Facts(PIN, PEER, NEW, WEAK, relation=BROKEN), Verdict.STALE),
    "3 and where a line that somebody known brought names it alone": (
        Facts(PIN, PEER, NEW, WEAK, naming=LOGGED),
        Verdict.STALE,
    ),
    "3 a hint that names this edge alone is not": (Facts(PIN, PEER, NEW, naming=HINTED), Verdict.UNPROVEN),
    "3 nor beside a healthy relation": (Facts(PIN, PEER, NEW, naming=HINTED, relation=HEALTHY), Verdict.UNPROVEN),
    "3 a hint is, where we saw the relation broken": (
        Facts(PIN, PEER, NEW, naming=HINTED, relation=BROKEN),
        Verdict.STALE,
    ),
    "3 not where it fits several edges": (Facts(PIN, PEER, NEW, shared=HINTED, relation=BROKEN), Verdict.UNPROVEN),
    "3 nor against a certificate that was verified": (
        Facts(PIN, PEER, OLD, baseline(), naming=HINTED, relation=BROKEN),
        Verdict.FRESH,
    ),
    "3 nor once the delete was sent": (
        Facts(PIN, PEER, NEW, naming=HINTED, relation=BROKEN, unpinned=Unpinned(at=NOW, fingerprint="SHA256:x")),
        Verdict.UNPROVEN,
    ),
    "3 a look of ours that saw it change is not": (Facts(PIN, PEER, NEW, naming=PROBED), Verdict.UNPROVEN),
    "3 it is, where we saw the relation broken": (Facts(PIN, PEER, NEW, naming=PROBED, relation=BROKEN), Verdict.STALE),
    "4 the last verified, and no sighting, is fresh": (Facts(PIN, PEER, OLD, baseline()), Verdict.FRESH),
    "4 inclusion does not turn a fresh pin": (
        Facts(PIN, PEER, OLD, baseline(), naming=(sighting("person"),)),
        Verdict.FRESH,
    ),
    "5 one subject and no baseline is unproven: two hosts may share it": (Facts(PIN, PEER, NEW), Verdict.UNPROVEN),
    "5 an endpoint that does not answer is unproven": (Facts(PIN, PEER, None, naming=LOGGED), Verdict.UNPROVEN),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_in_their_order(rule: str) -> None:
    """Each rule of the design decides as it says, with a reason."""
    facts, verdict = RULES[rule]
    judged = judge(facts)
    assert judged.verdict is verdict, judged
    assert judged.reasons


def test_a_sighting_of_the_unchanged_certificate_contradicts() -> None:
    """Who says that it changed sees another certificate than we do: that counts as contradicted."""
    judged = judge(Facts(PIN, PEER, OLD, baseline(), naming=LOGGED))
    assert judged.contradiction is not None
    assert judged.contradiction.grade is Grade.CONTRADICTED


def test_a_hint_is_believed_in_nothing() -> None:
    """It contradicts nothing, and the reasons say that anybody can send it."""
    judged = judge(Facts(PIN, PEER, OLD, baseline(), naming=HINTED, relation=BROKEN))
    assert (judged.verdict, judged.contradiction) == (Verdict.FRESH, None)
    assert any("anybody can send" in reason for reason in judged.reasons)
    assert not Facts(PIN, PEER, OLD, naming=HINTED, shared=HINTED).since_unpinned


@pytest.mark.parametrize(
    ("facts", "rests_on"),
    [
        (Facts(PIN, PEER, NEW, naming=HINTED, relation=BROKEN), "hints"),
        (Facts(PIN, PEER, NEW, WEAK, naming=HINTED, relation=BROKEN), "an unproven look"),
        (Facts(PIN, PEER, NEW, naming=(*HINTED, *LOGGED), relation=BROKEN), None),
        (Facts(PIN, PEER, presented(subject="CN=other"), naming=HINTED, relation=BROKEN), None),
        (Facts(PIN, PEER, NEW, baseline(), naming=HINTED, relation=BROKEN), None),
    ],
)
def test_what_a_verdict_rests_on_is_said(facts: Facts, rests_on: str | None) -> None:
    """Only where nothing better makes the pin stale does it rest on hints, or on looks without proof."""
    judged = judge(facts)
    assert (judged.verdict, judged.rests_on) == (Verdict.STALE, rests_on)


def test_a_healthy_relation_speaks_against_stale() -> None:
    """The reasons say so, for the person who decides."""
    judged = judge(Facts(PIN, PEER, NEW, naming=LOGGED, relation=HEALTHY))
    assert judged.verdict is Verdict.STALE
    assert any("healthy, which speaks against it" in reason for reason in judged.reasons)


@pytest.mark.parametrize("before", [None, baseline(), baseline("SHA256:new")])
def test_a_line_of_no_time_makes_us_look_and_no_more(before: Baseline | None) -> None:
    """It turns no verdict and contradicts nothing; the reasons say that it was there."""
    line = sighting().model_dump() | {"at": None}
    with_it = judge(Facts(PIN, PEER, NEW, before, naming=(Sighting.model_validate(line),)))
    assert (with_it.verdict, with_it.contradiction) == (judge(Facts(PIN, PEER, NEW, before)).verdict, None)
    assert any("unknown time" in reason for reason in with_it.reasons)


def test_a_name_that_was_cut_fits_what_it_may_have_been() -> None:
    """Whole attributes must be there, the last one must begin alike; a whole name is not a cut one."""
    other = Pin(holder="primary", key="10.0.0.13_8082", subject="/CN=prime-sec2", line="x")
    candidates = [
        Candidate(PIN, PEER, presented(subject="CN=prime-sec,OU=NMS,C=US")),
        Candidate(other, PEER, presented(subject="CN=prime-sec2,OU=NMS,C=US")),
    ]
    for dn, pins in (
        ("CN=prime-s…", (PIN, other)),
        ("CN=prime-sec2…", (other,)),
        ("CN=prime-sec, OU=N…", (PIN,)),
        ("CN=prime-sec,…", (PIN,)),
        ("CN=prime-sec, O…", (PIN,)),
        ("…", (PIN, other)),
        ("CN=x…", ()),
    ):
        assert attribute(sighting(dn=dn), candidates, lambda *_: True) == pins, dn


def test_a_line_that_comes_late_does_not_contradict() -> None:
    """A line within the grace after a verification may be about what was healed then."""
    verified = baseline("SHA256:old").verified_at
    late = judge(Facts(PIN, PEER, OLD, baseline(), naming=(sighting(at=verified + LATE),)))
    assert (late.verdict, late.contradiction) == (Verdict.UNPROVEN, None)
    after = judge(Facts(PIN, PEER, OLD, baseline(), naming=(sighting(at=verified + LATE + timedelta(seconds=1)),)))
    assert after.contradiction is not None


OTHER = Pin(holder="secondary", key="10.0.0.11_8082", subject="CN=prime-pri", line="")
ISE = Pin(holder="primary", key="10.0.0.21_443", subject="CN=ISE-server", line="")
CANDIDATES = (
    Candidate(PIN, PEER, NEW),
    Candidate(OTHER, Place("endpoint", relation="ha"), presented(subject="CN=prime-pri,O=Cisco Systems,C=US")),
    Candidate(ISE, Place("endpoint", relation="ise:x"), presented(subject="CN=prime-sec")),
)


@pytest.mark.parametrize(
    ("said", "pins"),
    [
        ({"dn": "CN=prime-sec, O=Cisco Systems, C=US"}, (PIN,)),
        ({"dn": "C = US, O = cisco systems, CN = prime-sec"}, (PIN,)),
        ({"dn": "CN=prime-sec"}, (ISE,)),
        ({"dn": "CN=prime-pri"}, (OTHER,)),
        ({"dn": "CN=nobody"}, ()),
        ({"holder": "primary", "key": "10.0.0.12_8082"}, (PIN,)),
        ({"endpoint": Endpoint(host="10.0.0.12", port=8082)}, (PIN,)),
    ],
)
def test_a_sighting_is_about_the_edges_it_names(said: dict[str, object], pins: tuple[Pin, ...]) -> None:
    """By the edge or endpoint it names, else by DN: a whole match outweighs a partial one."""
    assert attribute(sighting(**said), CANDIDATES, lambda s, pin, place: True) == pins


def test_role_and_place_limit_what_a_sighting_can_be_about() -> None:
    """What the target says cannot be meant is not, whatever the DN."""
    assert attribute(sighting(dn="CN=prime-sec"), CANDIDATES, lambda s, pin, place: place.relation == "ha") == (PIN,)


# -- whatever the facts are ------------------------------------------------------------------------------


FINGERPRINTS = st.sampled_from(["SHA256:old", "SHA256:new", "SHA256:third"])
SIGHTINGS = st.lists(
    st.builds(
        sighting,
        st.sampled_from(["log", "renewed", "probe", "person"]),
        at=st.integers(-60 * 24 * 60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        fingerprint=st.none() | FINGERPRINTS,
    ),
    max_size=4,
).map(tuple)
FACTS = st.builds(
    Facts,
    st.just(PIN),
    st.sampled_from([Place("self"), Place("unknown"), PEER]),
    st.none() | st.builds(presented, FINGERPRINTS, st.sampled_from(["CN=prime-sec,O=Cisco Systems,C=US", "CN=other"])),
    st.none() | st.builds(baseline, FINGERPRINTS),
    SIGHTINGS,
    SIGHTINGS,
    st.booleans(),
)


def unchanged(facts: Facts) -> bool:
    return (
        facts.presented is not None
        and facts.baseline is not None
        and facts.presented.fingerprint == facts.baseline.fingerprint
    )


def same_subject(facts: Facts) -> bool:
    return facts.presented is not None and facts.presented.subject != "CN=other"


@given(FACTS)
def test_nothing_is_stale_without_a_reason_that_the_design_names(facts: Facts) -> None:
    """Another fingerprint than the last verified, another subject, or, without a baseline, a sighting of this edge."""
    judged = judge(facts)
    assert judged.reasons
    if judged.verdict is Verdict.STALE:
        assert facts.presented is not None
        assert facts.place.kind == "endpoint" or (facts.place.kind == "self" and facts.include_self)
        assert (
            not same_subject(facts)
            or (facts.baseline is not None and not unchanged(facts))
            or (facts.baseline is None and facts.naming)
        )


@given(FACTS)
def test_what_we_see_unchanged_is_never_stale_by_a_sighting(facts: Facts) -> None:
    """And only there can a sighting contradict: the holder sees another certificate than we do."""
    judged = judge(facts)
    if unchanged(facts) and same_subject(facts):
        assert judged.verdict is not Verdict.STALE
    if judged.contradiction is not None:
        assert unchanged(facts)
        assert any(s.kind == "log" for s in facts.naming)


@given(FACTS)
def test_fresh_is_what_was_verified_and_is_still_there(facts: Facts) -> None:
    """No baseline, no fresh pin; and none that a log line speaks of since."""
    if judge(facts).verdict is Verdict.FRESH:
        assert unchanged(facts)
        assert facts.baseline is not None
        assert not any(s.kind == "log" and s.at and s.at > facts.baseline.verified_at for s in facts.naming)


@given(FACTS, SIGHTINGS)
def test_a_sighting_that_fits_several_edges_turns_no_verdict(facts: Facts, others: tuple[Sighting, ...]) -> None:
    """It may be told as a reason, and no more."""
    assert judge(facts).verdict is judge(replace(facts, shared=others)).verdict


def test_a_fingerprint_is_about_the_pins_whose_endpoint_presents_it() -> None:
    """Where an endpoint presents several certificates, one that is named is about its own pins; another, about all."""
    other = PIN.model_copy(update={"key": "another kind"})
    candidates = [Candidate(PIN, PEER, NEW), Candidate(other, PEER, OLD)]

    def about(fingerprint: str | None) -> tuple[Pin, ...]:
        said = sighting("person", endpoint=PEER.endpoint, fingerprint=fingerprint)
        return attribute(said, candidates, lambda *_: True)

    assert about("SHA256:new") == (PIN,)
    assert about("SHA256:stranger") == about(None) == (PIN, other)


def test_a_pin_made_anew_is_judged_by_what_depends_on_it() -> None:
    """A pin that is listed again after this case's delete, while what was approved is presented, is undecided."""
    again = Facts(PIN, PEER, NEW, baseline(), unpinned=Unpinned(at=NOW, fingerprint="SHA256:new"))
    judged = judge(again)
    assert judged.verdict is Verdict.UNPROVEN
    assert "made anew, or a delete without effect" in judged.reasons[0]


def test_a_sighting_that_names_an_edge_is_about_that_edge_alone() -> None:
    """By holder and key, whatever else would fit; without a name in it, it is about all that fit."""
    other = PIN.model_copy(update={"key": "10.0.0.13_8082"})
    candidates = [Candidate(PIN, PEER, NEW), Candidate(other, PEER, NEW)]
    named = sighting(holder=PIN.holder, key=PIN.key)
    assert attribute(named, candidates, lambda *_: True) == (PIN,)
    assert attribute(sighting(), candidates, lambda *_: True) == (PIN, other)
