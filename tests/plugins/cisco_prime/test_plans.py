"""Golden cases: facts in, steps out. An empty plan needs a reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from retrust.models import Evidence, Finding, Grade, Pin, Presented, Relation, Sighting, Snapshot, Verdict
from retrust.runs.plan import bind, make_plan
from retrust_plugins.cisco_prime.site import CiscoPrimeSite
from retrust_plugins.cisco_prime.target import CiscoPrime

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SSH = {"username": "admin", "password": "env:PW", "host_key": "SHA256:" + "A" * 43}
SITE = CiscoPrimeSite.model_validate(
    {
        "name": "campus",
        "target": "cisco-prime",
        "primary": {
            "host": "10.0.0.11",
            "ssh": SSH,
            "web": {"username": "root", "password": "env:WEB", "fingerprint": "SHA256:" + "a" * 64},
        },
        "secondary": {"host": "10.0.0.12", "ssh": SSH},
        "ha": {
            "authentication_key": "env:KEY",
            "email": ["noc@example.com", "ops@example.com"],
            "virtual_ip": {"ipv4": "10.0.0.10/24"},
        },
        "ise": [{"host": "10.0.0.21", "username": "admin", "password": "env:ISE"}],
    }
)
TARGET = CiscoPrime()
BROKEN, WELL = Relation(status="HA Not Configured", healthy=False), Relation(status="Primary Active", healthy=True)
GONE, THERE = Relation(status="Unreachable", healthy=False), Relation(status="Reachable", healthy=True)


def finding(holder: str, key: str, verdict: Verdict = Verdict.STALE, grade: Grade = Grade.PROVEN) -> Finding:
    pin = Pin(holder=holder, key=key, subject="/CN=x", line=f"host={key}; subject= /CN=x")
    place = TARGET.locate(SITE, pin)
    seen = Presented(
        fingerprint=f"SHA256:new-{key}",
        key_fingerprint="SHA256:k",
        subject="CN=x",
        issuer="CN=x",
        not_before=NOW,
        not_after=NOW,
    )
    return Finding(
        pin=pin,
        endpoint=place.endpoint,
        presented=seen if place.endpoint else None,
        verdict=verdict,
        relation=place.relation,
        evidence=Evidence(grade=grade),
    )


def snapshot(*findings: Finding, ha: Relation | None = BROKEN, ise: Relation | None = THERE) -> Snapshot:
    return Snapshot(
        site="campus",
        target="cisco-prime",
        observed_at=NOW,
        findings=findings,
        relations={"ha": ha, "ise:10.0.0.21": ise},
    )


PEER, BACK, ISE = "10.0.0.12_8082", "10.0.0.11_8082", "10.0.0.21_443"
FRESH, UNPROVEN = Verdict.FRESH, Verdict.UNPROVEN

GOLDEN = {
    "the secondary was renewed": (
        snapshot(finding("primary", PEER), finding("secondary", BACK, FRESH)),
        (),
        ["delete-pin primary 10.0.0.12_8082", "register-ha primary 10.0.0.12"],
    ),
    "both were renewed": (
        snapshot(finding("primary", PEER), finding("secondary", BACK)),
        (),
        ["delete-pin primary 10.0.0.12_8082", "delete-pin secondary 10.0.0.11_8082", "register-ha primary 10.0.0.12"],
    ),
    "ISE was renewed": (
        snapshot(finding("primary", ISE), ha=WELL, ise=GONE),
        (),
        ["delete-pin primary 10.0.0.21_443", "add-ise primary 10.0.0.21"],
    ),
    "all were renewed": (
        snapshot(finding("primary", ISE), finding("primary", PEER), finding("secondary", BACK), ise=GONE),
        (),
        [
            "delete-pin primary 10.0.0.21_443",
            "delete-pin primary 10.0.0.12_8082",
            "delete-pin secondary 10.0.0.11_8082",
            "register-ha primary 10.0.0.12",
            "add-ise primary 10.0.0.21",
        ],
    ),
    "HA is healthy and a pin of it is stale: registering stays conditional": (
        snapshot(finding("primary", PEER), ha=WELL),
        (),
        ["delete-pin primary 10.0.0.12_8082", "register-ha primary 10.0.0.12"],
    ),
    "the pins were deleted in an earlier pass, and HA is still not configured": (
        snapshot(finding("primary", PEER, UNPROVEN)),
        ("primary:10.0.0.12_8082",),
        ["register-ha primary 10.0.0.12"],
    ),
    "the pin was deleted and is not listed yet": (
        snapshot(),
        ("primary:10.0.0.12_8082",),
        ["register-ha primary 10.0.0.12"],
    ),
    "the pins were deleted in an earlier pass, and HA is healthy: nothing is missing": (
        snapshot(finding("primary", PEER, UNPROVEN), ha=WELL),
        ("primary:10.0.0.12_8082",),
        [],
    ),
    "HA is not configured and no pin is stale: registering alone is nobody's order": (
        snapshot(finding("primary", PEER, UNPROVEN), finding("secondary", BACK, FRESH)),
        (),
        [],
    ),
    "self and unknown pins are never planned": (
        snapshot(
            finding("secondary", "127.0.0.1_8082", Verdict.SELF), finding("primary", "10.9.9.9_443", Verdict.UNKNOWN)
        ),
        (),
        [],
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_facts_to_steps(case: str) -> None:
    """Each set of facts gives these steps, in this order."""
    seen, deleted, steps = GOLDEN[case]
    plan = make_plan(TARGET, SITE, seen, frozenset(deleted))
    assert [f"{s.kind} {s.holder} {s.argument}" for s in plan.steps] == steps


def test_a_step_says_exactly_what_is_sent() -> None:
    """The plan shows the command, and every field of the page, with secrets as references."""
    delete, register = make_plan(TARGET, SITE, snapshot(finding("primary", PEER))).steps
    assert delete.sends == ("ncs certvalidation tofu-certs deletecert host 10.0.0.12_8082",)
    assert (delete.risk, delete.undo, delete.expected) == (
        "delete-pin",
        None,
        {"primary:10.0.0.12_8082": "SHA256:new-10.0.0.12_8082"},
    )
    assert register.sends == (
        "Administration > Settings > High Availability > HA Configuration",
        "Secondary Server: 10.0.0.12",
        "Authentication Key: env:KEY",
        "Email Address: noc@example.com, ops@example.com",
        "Failover Type: Manual",
        "Enable Virtual IP: yes",
        "IPV4 Virtual IP: 10.0.0.10",
        "Check Readiness",
        "Register",
    )
    assert register.risk == "interrupting"
    assert register.when is not None


BASE = snapshot(finding("primary", PEER), finding("secondary", BACK, FRESH))


def digest_of(seen: Snapshot, follows: str | None = None) -> str:
    return make_plan(TARGET, SITE, seen, follows=follows).digest


@pytest.mark.parametrize(
    "other",
    [
        snapshot(
            finding("primary", PEER),
            finding("secondary", BACK, FRESH),
            finding("primary", "10.9.9.9_443", Verdict.UNKNOWN),
        ),
        snapshot(finding("primary", PEER)),
        BASE.model_copy(update={"observed_at": datetime(2027, 1, 1, tzinfo=UTC), "problems": ("x",)}),
    ],
)
def test_the_digest_covers_nothing_that_the_plan_does_not_touch(other: Snapshot) -> None:
    """Other pins may come and go, and time may pass."""
    assert digest_of(other) == digest_of(BASE)


def changed(**pin: str) -> Snapshot:
    one = finding("primary", PEER)
    return snapshot(one.model_copy(update={"pin": one.pin.model_copy(update=pin)}))


def presented(fingerprint: str) -> Snapshot:
    one = finding("primary", PEER)
    assert one.presented is not None
    return snapshot(one.model_copy(update={"presented": one.presented.model_copy(update={"fingerprint": fingerprint})}))


@pytest.mark.parametrize(
    "other",
    [
        changed(line="host=10.0.0.12_8082; subject= /CN=x "),
        presented("SHA256:another"),
        snapshot(finding("primary", PEER, grade=Grade.SUPPORTED)),
        snapshot(finding("primary", PEER), finding("secondary", BACK)),
    ],
)
def test_the_digest_covers_what_is_decided(other: Snapshot) -> None:
    """One byte of a planned line, a fingerprint, a grade or a step makes it another plan."""
    assert digest_of(other) != digest_of(BASE)


def test_the_same_plan_after_a_use_is_a_new_one() -> None:
    """A digest is used once: what follows it asks for new decisions."""
    assert digest_of(BASE, "sha256:used") != digest_of(BASE)


def test_policy_and_secrets_are_bound() -> None:
    """Another policy, or another value behind a reference, is another plan; no secret stands in it."""
    plan = make_plan(TARGET, SITE, BASE)
    for more in ({"policy": ("people",)}, {"commitments": {"env:PI_HA_KEY": "ab"}}):
        assert bind(plan, **more).digest != plan.digest


LOCATED = {
    ("primary", "10.0.0.12_8082"): ("endpoint", "ha"),
    ("secondary", "10.0.0.11_8082"): ("endpoint", "ha"),
    ("primary", "10.0.0.11_8082"): ("self", None),
    ("primary", "10.0.0.11_443"): ("self", None),
    ("secondary", "127.0.0.1_8082"): ("self", None),
    ("secondary", "::1_8082"): ("self", None),
    ("primary", "localhost_8082"): ("self", None),
    ("primary", "10.0.0.21_443"): ("endpoint", "ise:10.0.0.21"),
    ("primary", "10.0.0.21 443"): ("endpoint", "ise:10.0.0.21"),
    ("primary", "10.0.0.21_8443"): ("unknown", None),
    ("primary", "10.0.0.12_443"): ("unknown", None),
    ("primary", "10.9.9.9_443"): ("unknown", None),
    ("primary", "nonsense"): ("unknown", None),
}


@pytest.mark.parametrize(("holder", "key"), LOCATED)
def test_what_a_key_names(holder: str, key: str) -> None:
    """A node of the inventory wins by address and port, then the holder's own address, then loopback."""
    place = TARGET.locate(SITE, Pin(holder=holder, key=key, subject="", line=""))
    assert (place.kind, place.relation) == LOCATED[holder, key]


@pytest.mark.parametrize(
    ("said", "relation", "fits"),
    [
        ({"role": "peer"}, PEER, True),
        ({"role": "peer"}, ISE, False),
        ({"role": "ise"}, ISE, True),
        ({"role": "ise"}, PEER, False),
        ({}, PEER, True),
        ({"holder": "secondary"}, PEER, False),
    ],
)
def test_what_a_log_line_can_be_about(said: dict[str, str], relation: str, fits: bool) -> None:
    """The health monitor's thread speaks of the peer, the sequence task's of ISE; a holder's log of its own pins."""
    sighting = Sighting.model_validate(
        {"id": "s", "kind": "log", "at": NOW, "received_at": NOW, "source": "x", "actor": "service", **said}
    )
    pin = Pin(holder="primary", key=relation, subject="", line="")
    assert TARGET.fits(SITE, sighting, pin, TARGET.locate(SITE, pin)) is fits
