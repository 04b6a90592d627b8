"""The words of the domain as frozen models: what was seen, what it means, what will be done.

No I/O and no logic beyond derived values. Verdicts are given in ``trust.verdicts``, plans are made in ``runs.plan``,
and the durable record of all this is the ``ledger``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from retrust.signatures import CUT


class Frozen(BaseModel):
    """Immutable, and deaf to keys it does not know."""

    # Each is built when it is first used: a process uses few of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Endpoint(Frozen):
    """An address and port that a pin is about, and that can be probed."""

    host: str
    port: int = Field(ge=1, le=65535)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


DELETE_PIN = "delete-pin"
"""The kind of the steps that delete a pin, which every target has."""


def edge_of(holder: str, key: str) -> str:
    """``holder:key``: how a person, the ledger and ``--include`` name an edge."""
    return f"{holder}:{key}"


@dataclass(frozen=True)
class Progress:
    """What goes on within a step; ``percent`` is None where the work has no measure."""

    what: str
    percent: int | None = None

    def __str__(self) -> str:
        return self.what if self.percent is None else f"{self.what} {self.percent} %"


class Pin(Frozen):
    """One entry of a holder's store. ``key`` and ``line`` are byte for byte as listed (no line end).

    ``fingerprint`` is of the certificate or key that the entry holds, None where the store does not show it.
    """

    holder: str
    key: str
    subject: str
    line: str
    fingerprint: str | None = None

    @property
    def edge(self) -> str:
        return edge_of(self.holder, self.key)


class Presented(Frozen):
    """A certificate as an endpoint presented it, trusted by nobody yet.

    Fingerprints are ``SHA256:`` + lower-case hex: ``fingerprint`` of the DER, ``key_fingerprint`` of
    the SubjectPublicKeyInfo. ``subject`` and ``issuer`` are RFC 4514 strings. ``chain`` is what was
    sent, leaf first, in DER.
    """

    fingerprint: str
    key_fingerprint: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    chain: tuple[bytes, ...] = Field(default=(), exclude=True, repr=False)


Level = Literal["authenticated", "hint"]
"""Whether a source knows who speaks. Anybody may send a hint: it makes us look, and is believed in nothing."""


class Sighting(Frozen):
    """One observation that an edge is or will be broken.

    ``log`` names a DN (of the certificate presented now) and the role of the thread that wrote it;
    ``renewed`` is an authenticated renewal event and may name a fingerprint; ``probe`` is our own
    look; ``person`` is ``--include``, and names the edge itself. ``level`` is its source's.
    """

    id: str
    kind: Literal["log", "renewed", "probe", "person"]
    site: str | None = None
    holder: str | None = None
    key: str | None = None
    endpoint: Endpoint | None = None
    dn: str | None = None
    role: str | None = None
    fingerprint: str | None = None
    at: datetime | None
    """None where nobody vouches for a time: such a sighting makes us look, and no more."""
    received_at: datetime
    count: int = 1
    source: str
    actor: str
    text: str = ""
    level: Level = "hint"
    """Whoever does not know who speaks says nothing here, and hands in a hint."""
    event: str | None = Field(default=None, exclude=True)
    """The sender's event that told of it, by which a source knows that one sent again is already counted."""

    @property
    def says(self) -> tuple[object, ...]:
        """What two sightings have in common that are counted as one."""
        where = self.site, self.holder, self.key, self.endpoint
        return (self.kind, *where, self.dn, self.role, self.fingerprint, self.actor, self.level)

    @property
    def is_hint(self) -> bool:
        return self.level == "hint"

    @property
    def has_cut_name(self) -> bool:
        """Whether only the beginning of the name is known: others may begin alike."""
        return self.dn is not None and self.dn.endswith(CUT)


class Verdict(StrEnum):
    FRESH = "fresh"
    STALE = "stale"
    SELF = "self"
    UNPROVEN = "unproven"
    UNKNOWN = "unknown"


class Grade(StrEnum):
    """How well a new certificate is known to be the peer's own; compare with ``rank``."""

    CONTRADICTED = "contradicted"
    NONE = "none"
    SUPPORTED = "supported"
    PROVEN = "proven"

    @property
    def rank(self) -> int:
        return list(Grade).index(self)


class Answers(StrEnum):
    """Which of evidence's two questions a collector answers."""

    PEERS_OWN = "the peer's own"
    OLD_KEY = "whoever has the old key"
    HOLDER_SEES_IT = "the holder sees it"
    PRECONDITION = "a precondition"


class Collected(Frozen):
    """What one collector says of one edge: ``supported``, ``contradicted``, or ``none`` (not available)."""

    collector: str
    answers: Answers
    grade: Grade
    detail: str


class Evidence(Frozen):
    grade: Grade = Grade.NONE
    collected: tuple[Collected, ...] = ()

    @property
    def holder_sees_it(self) -> bool:
        return any(c.answers is Answers.HOLDER_SEES_IT and c.grade.rank >= Grade.SUPPORTED.rank for c in self.collected)


class Baseline(Frozen):
    """The certificate last verified for an edge, and the grade of the evidence it was verified with."""

    site: str
    holder: str
    key: str
    fingerprint: str
    key_fingerprint: str
    subject: str
    verified_at: datetime
    grade: Grade = Grade.NONE

    @property
    def edge(self) -> str:
        return edge_of(self.holder, self.key)

    @property
    def is_proven(self) -> bool:
        return self.grade is Grade.PROVEN


class Unpinned(Frozen):
    """A delete that an open case has sent: when, and the certificate that its plan expects at the edge."""

    at: datetime
    fingerprint: str


RestsOn = Literal["hints", "an unproven look"]


class Finding(Frozen):
    """A pin with everything that was found out about it in one snapshot.

    ``relation`` names the relation that depends on it, ``sighted`` is whether any sighting since the
    baseline may be about it (hints apart), ``unpinned`` whether this case has sent its delete and it is listed
    again. ``said_by`` are who brought in the sightings that may be about it, or dismissed one. ``rests_on`` is what
    makes it stale where that is no more than hints, or looks of ours without proof, beside
    a relation that we saw broken.
    """

    pin: Pin
    endpoint: Endpoint | None = None
    presented: Presented | None = None
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    evidence: Evidence = Evidence()
    baseline: Baseline | None = None
    relation: str | None = None
    sighted: bool = False
    unpinned: bool = False
    rests_on: RestsOn | None = None
    said_by: tuple[str, ...] = ()


class Relation(Frozen):
    """What the target itself says of one of its relations: HA's mode, an ISE server's status.

    ``healthy`` is None where the words are not known to mean either; ``status`` is quoted verbatim.
    """

    status: str | None
    healthy: bool | None
    detail: str | None = None


class Snapshot(Frozen):
    """What was observed at one time. A relation that could not be read is None."""

    site: str
    target: str
    observed_at: datetime
    findings: tuple[Finding, ...]
    relations: dict[str, Relation | None] = {}
    problems: tuple[str, ...] = ()


FirstUse = Literal["written", "blind"]
"""How a holder gets a new pin: the approved one is put into its store, or it pins whatever it meets next."""


class Step(Frozen):
    """One change at the target.

    ``stage`` is the task it belongs to (``delete``, ``re-register-ha``, ``re-add-ise``), ``kind`` what
    it is (``delete-pin``, ``register-ha``, ``add-ise``), ``holder`` the node it is sent to and
    ``argument`` what it is about, for ``delete-pin`` the key as listed. ``sends`` is exactly what will
    be sent or filled in, line by line, secrets as their references, which ``secrets`` lists. ``undo``
    says how it is undone, or is None where it cannot be. ``when`` is None for an unconditional step.
    ``expected`` maps the edges (``holder:key``) that the step is about to the fingerprint expected there.
    ``takes`` is how many seconds it takes at most, by the target's own limits: a change window must have them.
    """

    id: str
    stage: str
    kind: str
    holder: str
    argument: str
    risk: str
    undo: str | None = None
    when: str | None = None
    sends: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    expected: dict[str, str] = {}
    relation: str | None = None
    takes: int = Field(default=60, ge=0)

    @property
    def unpins(self) -> str | None:
        """The edge whose pin it deletes, None where it does something else."""
        return edge_of(self.holder, self.argument) if self.kind == DELETE_PIN else None


class Plan(Frozen):
    """Ordered steps over one snapshot. What the digest covers is said in ``retrust.runs.plan``.

    ``follows`` is the digest that the site's runs used last, None for the first; ``policy`` are the gates that it
    must pass with their settings, ``commitments`` those to the secrets that its steps fill in, by reference.
    ``first_use`` is the target's; None in plans of before, which did not say.
    """

    site: str
    target: str
    snapshot: Snapshot
    steps: tuple[Step, ...]
    follows: str | None = None
    policy: tuple[str, ...] = ()
    commitments: dict[str, str] = {}
    first_use: FirstUse | None = None
    digest: str

    @property
    def unpinned(self) -> tuple[Finding, ...]:
        """The findings whose pins the plan deletes, in the order of its steps."""
        found = {f.pin.edge: f for f in self.snapshot.findings}
        return tuple(found[edge] for edge in dict.fromkeys(s.unpins for s in self.steps) if edge in found)

    @property
    def is_blind(self) -> bool:
        """Whether a holder pins whatever it meets next, once its pin is deleted."""
        return self.first_use == "blind" and bool(self.unpinned)

    @property
    def said_by(self) -> frozenset[str]:
        return frozenset(actor for f in self.unpinned for actor in f.said_by)

    @property
    def rests_on_hints(self) -> bool:
        return any(f.rests_on == "hints" for f in self.unpinned)

    @property
    def unseen(self) -> tuple[str, ...]:
        """What risk is left, a sentence each: paths nobody saw, a blind first use, a reason anybody could give."""
        said = [
            f"the path is unseen: nobody saw what {f.pin.holder} is shown at {f.endpoint}, so that an "
            "interception there would not be noticed"
            for f in self.unpinned
            if not f.evidence.holder_sees_it
        ]
        if self.is_blind:
            holders = " and ".join(dict.fromkeys(f.pin.holder for f in self.unpinned))
            said.append(
                f"the first use is blind: after the delete {holders} will pin whatever certificate comes next. "
                "Who answers Retrust with the real certificate, and that connection with another one, would be "
                "pinned and not noticed"
            )
        if self.rests_on_hints:
            edges = " and ".join(f.pin.edge for f in self.unpinned if f.rests_on == "hints")
            said.append(
                f"it rests on a message that anybody can send: nothing else says that {edges} is stale, but "
                "for the broken relation"
            )
        return tuple(said)

    @property
    def grade(self) -> Grade:
        """The worst grade among the edges that the plan un-pins; ``proven`` where it un-pins none."""
        return min((f.evidence.grade for f in self.unpinned), key=lambda g: g.rank, default=Grade.PROVEN)


class Decision(Frozen):
    """A person's yes or no to one digest, at one gate, with a reason."""

    case: str
    digest: str
    gate: str
    yes: bool
    actor: str
    roles: tuple[str, ...] = ()
    reason: str
    at: datetime
    signature: str | None = None


class GateState(Frozen):
    """A gate as it stands for one plan. ``needs`` says what it waits for; ``until`` when it may change."""

    gate: str
    state: Literal["open", "shut", "closed"]
    needs: str | None = None
    until: datetime | None = None


class StepResult(Frozen):
    """How one step ended in one pass; ``undecided`` is left to what depends on it."""

    step: str
    result: Literal["done", "not needed", "undecided"]
    detail: str = ""
