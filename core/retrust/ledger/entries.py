"""Every kind of entry as a frozen model, and the one table that says how each is named and told.

A new kind is a model and its row in ``KINDS``: writers take these models only, readers match on them, and nobody
else knows the fields' names as stored. How a model becomes stored text and is read again, whichever version wrote
it, is ``entry``; what is derived from it is ``derive``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import PlainSerializer

from retrust.ledger.canonical import written_time
from retrust.ledger.process import Process
from retrust.ledger.records import LeaseOwner, Moment, Phase
from retrust.models import Baseline, Decision, Frozen, GateState, Level, Plan, Progress, Snapshot
from retrust.states import Event, State

Time = Annotated[datetime, PlainSerializer(written_time, return_type=str, when_used="json")]


class Body(Frozen):
    """What an entry says. ``version`` is its shape's; a stored body without ``v`` is of version 1."""

    version: ClassVar[int] = 1


class KeyJoined(Body):
    """A key may sign the chain from here on: ``by``, a key of the chain, says so. The first one speaks for itself.

    Older versions joined keys without a signature. From the first signed entry on, none joins without.
    """

    key_id: str
    public_key: str
    by: str | None = None
    signature: str | None = None


class CaseOpened(Body):
    cause: str


class CaseMoved(Body):
    """``note`` is a person's or the service's word that stays with the case, ``why`` how a pass ended.

    ``retry`` says whether the same pass may succeed later, ``gates`` what it waits for, ``healed`` which edges.
    """

    event: Event
    was: State
    state: State
    note: str
    why: str = ""
    retry: bool = True
    gates: tuple[GateState, ...] | None = None
    healed: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        return self.why or self.note

    @property
    def because(self) -> str:
        return f": {self.reason}" if self.reason else ""

    @property
    def asks(self) -> str:
        return "\n".join(f"gate {g.gate}: needs {g.needs}" for g in self.gates or () if g.state != "open")


class SightedRow(Frozen):
    """``count`` sightings that say the same; a row of the table ``sightings``."""

    aggregate: str
    kind: str
    site: str | None
    holder: str | None
    key: str | None
    host: str | None
    port: int | None
    dn: str | None
    role: str | None
    fingerprint: str | None
    actor: str
    count: int
    first_at: Time | None
    last_at: Time | None
    received_at: Time
    source: str
    text: str
    level: Level


class OfSightings(Body):
    version: ClassVar[int] = 2

    sightings: tuple[SightedRow, ...]

    @property
    def counted(self) -> str:
        count = sum(row.count for row in self.sightings)
        unknown = sum(row.count for row in self.sightings if row.last_at is None)
        some = "" if unknown == count else f", {unknown}"
        when = f"{some} at an unknown time" if unknown else ""
        return f"{count} sighting{'s' if count != 1 else ''}{when}"


class SightingsKept(OfSightings):
    """``events``: the ids that their senders gave to what told of them."""

    events: tuple[str, ...] = ()


class SightingAssigned(OfSightings):
    """The loose sightings ``aggregates`` became ``sightings``."""

    version: ClassVar[int] = 3

    aggregates: tuple[str, ...]


class SightingDismissed(Body):
    """A person says that it was wrong: it is out of force in these ``cases`` (\"\" is none), ``said`` tells it."""

    aggregate: str
    cases: tuple[str, ...]
    said: str
    reason: str


class Looked(Body):
    """What a check saw, though no case is worked on."""

    snapshot: Snapshot

    @property
    def pins(self) -> int:
        return len(self.snapshot.findings)


class SnapshotTaken(Looked):
    when: Moment


class Planned(Body):
    digest: str
    planners: tuple[str, ...]
    was: State
    state: State
    plan: Plan

    @property
    def steps(self) -> int:
        return len(self.plan.steps)


class Decided(Body, Decision):
    """Since version 2 a signature is over case and digest (``signing.statement``); before, over the digest alone."""

    version: ClassVar[int] = 2

    roles: tuple[str, ...]
    signature: str | None

    @property
    def decision(self) -> Decision:
        return Decision.model_validate(self.model_dump())

    @property
    def word(self) -> str:
        return "yes" if self.yes else "no"


class DigestSpent(Body):
    digest: str


class StepRecorded(Body):
    """``token`` is of the lease under which it was done."""

    digest: str
    step: str
    kind: str
    holder: str
    argument: str
    phase: Phase
    detail: str
    token: int

    @property
    def more(self) -> str:
        return f": {self.detail}" if self.detail else ""


class Progressed(Body):
    """How far a step is; see ``retrust.runs.milestones`` for what is kept of it."""

    digest: str
    step: str
    what: str
    percent: int | None = None

    @property
    def progress(self) -> Progress:
        return Progress(self.what, self.percent)


class BaselinesSet(Body):
    baselines: tuple[Baseline, ...]

    @property
    def count(self) -> int:
        return len(self.baselines)


class AlarmRaised(Body):
    what: str
    detail: str


class LeaseTaken(Body):
    """``ttl`` in seconds; ``took_over`` is whose lease had run out."""

    what: str
    ttl: float
    place: Process
    took_over: LeaseOwner | None


class LeaseReleased(Body):
    token: int


class IdentityChanged(Body):
    """What a run found: ``presented`` in place of ``expected``."""

    node: str
    kind: Literal["host key", "web certificate"]
    expected: tuple[str, ...]
    presented: str


class IdentityAgreed(IdentityChanged):
    """One of the people who must say so agreed."""

    reason: str

    @property
    def change(self) -> IdentityChanged:
        return IdentityChanged.model_validate(self.model_dump(exclude={"reason"}))


class IdentityAccepted(Body):
    node: str
    kind: str
    fingerprint: str
    reason: str


class Attached(Body):
    """A file under the home, registered as evidence."""

    name: str
    sha256: str
    path: str


class TokenCreated(Body):
    """``hash`` is of the whole token, which is kept nowhere. ``made`` says by what right."""

    id: str
    person: str
    hash: str
    expires_at: datetime
    read_only: bool
    note: str
    made: str = ""

    @property
    def told(self) -> str:
        does = "reads" if self.read_only else "decides"
        how = f" {self.made}" if self.made else ""
        return (
            f"a token was made for {self.person}{how}; whoever holds it {does} as {self.person}\n"
            f"if you did not expect it: retrust token revoke {self.id}"
        )


class TokenRevoked(Body):
    id: str
    person: str


class SignedIn(Body):
    """``session`` is a hash."""

    session: str
    by: str


class SignedOut(Body):
    session: str


class LookAsked(Body):
    why: str
    source: str


class Noticed(Body):
    """What a source says that is worth knowing and calls for no pass."""

    what: str
    detail: str


class Reminded(Body):
    """People were reminded that these gates are shut, and that the case ends if nobody decides until ``ends``."""

    ends: datetime
    gates: tuple[str, ...]

    @property
    def said(self) -> str:
        return (
            f"still shut: {', '.join(self.gates)}; without a decision the case ends at {self.ends:%Y-%m-%d %H:%M} UTC"
        )


@dataclass(frozen=True)
class Kind:
    """A row of the table. Texts are templates over the model: what they do not name, the view does not show.

    ``line`` is an entry's one line in ``show``, console, API and live progress; ``pack`` the file of an evidence
    pack that lists entries of this kind, a folder where each has files of its own; ``event`` the end of the Prefect
    event; ``notification`` the first lines of a message to people; ``note`` the work note at a change request.
    """

    model: type[Body]
    line: str
    pack: str | None
    event: str | None
    notification: str | None
    note: str | None


NO: Final = None
_ACCEPTED: Final = "the {0.kind} of {0.node} is accepted: {0.reason}"

KINDS: Final[dict[str, Kind]] = {
    # kind: model, line, pack, event, notification, note
    "key-joined": Kind(KeyJoined, "key joined", NO, NO, NO, NO),
    "case-opened": Kind(CaseOpened, "opened: {0.cause}", NO, "opened", NO, NO),
    "case-moved": Kind(
        CaseMoved,
        "{0.was} → {0.state}{0.because}",
        "states.json",
        "{0.state}",
        "{0.reason}\n{0.asks}",
        "the case is {0.state}{0.because}",
    ),
    "sighted": Kind(SightingsKept, "{0.counted}", "sightings.json", NO, NO, NO),
    "sighting-assigned": Kind(SightingAssigned, "{0.counted} assigned to this site", NO, NO, NO, NO),
    "sighting-dismissed": Kind(SightingDismissed, "dismissed {0.said}: {0.reason}", "dismissals.json", NO, NO, NO),
    "snapshot": Kind(SnapshotTaken, "snapshot {0.when}: {0.pins} pins", "snapshots/", NO, NO, NO),
    "looked": Kind(Looked, "checked: {0.pins} pins", NO, NO, NO, NO),
    "planned": Kind(Planned, "plan {0.digest}: {0.steps} steps", "plans/", "planned", NO, NO),
    "decided": Kind(Decided, "{0.word} at the gate {0.gate}: {0.reason}", "decisions/", NO, NO, NO),
    "digest-used": Kind(DigestSpent, "the plan {0.digest} is carried out", NO, NO, NO, NO),
    "step": Kind(StepRecorded, "{0.kind} {0.argument} on {0.holder} {0.phase}{0.more}", "steps.json", NO, NO, NO),
    "progress": Kind(Progressed, "{0.progress}", NO, NO, NO, NO),
    "baselines": Kind(BaselinesSet, "{0.count} certificates verified", "baselines.json", NO, NO, NO),
    "alarm": Kind(AlarmRaised, "ALARM {0.what}: {0.detail}", "alarms.json", "alarm", "{0.what}: {0.detail}", NO),
    "lease-taken": Kind(LeaseTaken, "lease taken", NO, NO, NO, NO),
    "lease-released": Kind(LeaseReleased, "lease released", NO, NO, NO, NO),
    "identity-changed": Kind(
        IdentityChanged, "the {0.kind} of {0.node} changed to {0.presented}", "changed-identities.json", NO, NO, NO
    ),
    "identity-agreed": Kind(IdentityAgreed, _ACCEPTED, NO, NO, NO, NO),
    "identity-accepted": Kind(IdentityAccepted, _ACCEPTED, "identities.json", NO, NO, NO),
    "attachment": Kind(Attached, "attached {0.name}", "attachments/", NO, NO, NO),
    "token-created": Kind(TokenCreated, "token created: {0.id} of {0.person}", NO, NO, "{0.told}", NO),
    "token-revoked": Kind(TokenRevoked, "token revoked: {0.id} of {0.person}", NO, NO, NO, NO),
    "signed-in": Kind(SignedIn, "signed in by {0.by}", NO, NO, NO, NO),
    "signed-out": Kind(SignedOut, "signed out", NO, NO, NO, NO),
    "look-asked": Kind(LookAsked, "a look is asked for: {0.why} ({0.source})", NO, NO, NO, NO),
    "reminded": Kind(Reminded, "reminded: {0.said}", NO, "reminded", "{0.said}", NO),
    "notice": Kind(Noticed, "{0.what}: {0.detail}", NO, NO, NO, NO),
}
