"""Which gates a plan must pass: risk classes map to gates, per site with defaults. Pure.

A site's policy replaces the default of each key that it names:

======================= =====================================================================
``read``                no gate
``delete-pin``          one approver
``add-server``          one approver
``interrupting``        two approvers, and the window where the policy describes one
``security``            added where evidence is below ``proven``, and, where the inventory names people, where the
                        first use is blind and the site does not accept that: one approver of role ``security``
``recurrence``          added where an edge healed too often: one approver
======================= =====================================================================

Approvers are the gate ``people``, or ``confirm`` where the inventory names no people.

How requirements join: a gate asked by several risk classes is one requirement when the settings are the
same, or when one *covers* the other (two approvers cover one); otherwise each is kept, with a label of its
own, and all must be open. A plan that rests on hints, which anybody can send, needs two persons in all
(``rules.nobody_asked``).
``security`` and ``recurrence`` are never joined with anything. A plugin's gate that is asked ``always`` comes on
top, so that loading a plugin can only add.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from retrust.errors import Refused
from retrust.gates import Gate, GateSettings, PersonSettings, Requirement
from retrust.models import Grade, Plan

if TYPE_CHECKING:
    from retrust.inventory import Inventory, Site

Gates = Mapping[str, Gate[Any]]
READ, DELETE_PIN, ADD_SERVER, INTERRUPTING = "read", "delete-pin", "add-server", "interrupting"
RISKS = (READ, DELETE_PIN, ADD_SERVER, INTERRUPTING)
"""From the mildest to the gravest. A step of any other class, which a target may have, is gated as the policy
says of it, else as ``interrupting``."""

SECURITY, RECURRENCE, WINDOW, STANDARD = "security", "recurrence", "window", "standard"
BY_PERSON = (SECURITY, RECURRENCE)
OCCASIONS = (*BY_PERSON, WINDOW)
"""Keys of a policy that are no risk class of a step."""

MILD = (DELETE_PIN, ADD_SERVER, *BY_PERSON)
"""Keys that one approver is enough for, at any time."""


@dataclass(frozen=True)
class Ask:
    """One line of a policy: a gate and its settings, asked for a risk class."""

    gate: str
    settings: Mapping[str, Any]
    risks: tuple[str, ...] = ()


def requirements(
    inventory: Inventory, site: Site, plan: Plan, gates: Gates, recurred: Sequence[str] = ()
) -> tuple[Requirement, ...]:
    """Every gate that the plan must pass, its conditional steps included; none for a plan without steps.

    ``recurred`` are the edges that healed too often.
    """
    if plan.grade is Grade.CONTRADICTED:
        raise Refused(
            "contradicted evidence is never planned",
            where=site.name,
            hint="it looks like an interception; no gate opens for it",
        )
    risks = tuple(dict.fromkeys(step.risk for step in plan.steps))
    if not risks:
        return ()
    proven, blind = plan.grade is Grade.PROVEN, plan.is_blind and not site.policy.accept_blind_first_use
    standing = proven and not blind and not any(f.rests_on for f in plan.unpinned)
    asks = [
        ask for risk in sorted(risks, key=_gravity) for ask in _of_risk(inventory, site, risk, gates, standing=standing)
    ]
    found = _labelled(_joined(asks, gates, inventory))
    if not proven or (blind and inventory.people):
        found += _by_person(SECURITY, inventory, site, gates, risks)
    if recurred:
        found += _by_person(RECURRENCE, inventory, site, gates, risks)
    changing = tuple(risk for risk in risks if risk != READ)
    if plan.rests_on_hints and inventory.people and not any(opened_by_person(gates.get(r.gate)) for r in found):
        found.append(_requirement(Ask("people", {"approvers": 2}, changing), found, "people", "people:hints"))
    return tuple(_with_always(found, site, gates, changing) if changing else found)


def _gravity(risk: str) -> int:
    return RISKS.index(risk) if risk in RISKS else len(RISKS)


# -- what the policy says ----------------------------------------------------------------------------


def _of_risk(inventory: Inventory, site: Site, risk: str, gates: Gates, *, standing: bool) -> Iterator[Ask]:
    """What one risk class asks for. Where nobody approves it is a standard change, if the plan may be one."""
    own = risk in site.policy.gates and risk not in OCCASIONS
    key = risk if risk in RISKS or own else INTERRUPTING
    asks = said_of(inventory, site, key)
    if key != READ and not any(_approves(gates.get(ask.gate)) for ask in asks):
        asks += [Ask(STANDARD, {})] if standing else _default(inventory, site, key)
    for ask in asks:
        if standing or ask.gate != STANDARD:
            yield replace(ask, risks=(risk,))


def said_of(inventory: Inventory, site: Site, key: str) -> list[Ask]:
    """The site's own word on the key, or the default."""
    named = _named(site, key)
    return _default(inventory, site, key) if named is None else named


def _named(site: Site, key: str) -> list[Ask] | None:
    entries = site.policy.gates.get(key)
    if entries is None:
        return None
    return [Ask(entry.gate, entry.settings) for entry in entries]


def _default(inventory: Inventory, site: Site, key: str) -> list[Ask]:
    if key in (READ, WINDOW):
        return []
    if not inventory.people:
        asks = [Ask("confirm", {})]
    elif key == SECURITY:
        asks = [Ask("people", {"approvers": 1, "roles": ["security"]})]
    else:
        asks = [Ask("people", {"approvers": 1 if key in MILD else 2})]
    return asks if key in MILD else asks + (_named(site, WINDOW) or [])


def _approves(gate: Gate[Any] | None) -> bool:
    return gate is not None and (gate.by_person or gate.approves)


# -- joining and naming ------------------------------------------------------------------------------


def _joined(asks: Iterable[Ask], gates: Gates, inventory: Inventory) -> list[Ask]:
    """Asks of one gate that are the same, or that another covers, become one with the union of the risks."""
    kept: list[Ask] = []
    for ask in asks:
        covering = next((k for k in kept if _covers(k, ask, gates, inventory)), None)
        if covering is not None:
            kept[kept.index(covering)] = replace(covering, risks=_union(covering.risks, ask.risks))
            continue
        covered = [k for k in kept if _covers(ask, k, gates, inventory)]
        kept = [k for k in kept if k not in covered]
        kept.append(replace(ask, risks=_union(*(k.risks for k in covered), ask.risks)))
    return kept


def _covers(one: Ask, other: Ask, gates: Gates, inventory: Inventory) -> bool:
    if one.gate != other.gate:
        return False
    if dict(one.settings) == dict(other.settings):
        return True
    try:
        return gates[one.gate].covers(settings_of(gates, one, inventory), settings_of(gates, other, inventory)) is True
    except Exception:
        return False  # whatever is wrong there, both stay: joining is a convenience, asking is not


def _union(*risks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(risk for some in risks for risk in some))


def _labelled(asks: Sequence[Ask]) -> list[Requirement]:
    """A gate's name is its label; where it is asked in several ways, the later ones name their risk class."""
    found: list[Requirement] = []
    for ask in asks:
        found.append(_requirement(ask, found, ask.gate, f"{ask.gate}:{ask.risks[-1]}"))
    return found


def _requirement(ask: Ask, others: Sequence[Requirement], *labels: str) -> Requirement:
    """With the first label that is free; ``security`` and ``recurrence`` are free for themselves only."""
    taken = {other.label for other in others} | {label for label in BY_PERSON if label not in labels}
    numbered = (f"{labels[-1]}:{n}" for n in range(2, len(others) + 3))
    label = next(label for label in (*labels, *numbered) if label not in taken)
    return Requirement(label, ask.gate, ask.settings, ask.risks)


def _by_person(label: str, inventory: Inventory, site: Site, gates: Gates, risks: tuple[str, ...]) -> list[Requirement]:
    """``security`` or ``recurrence``: the first gate that a person opens bears the plain label."""
    asks = sorted(said_of(inventory, site, label), key=lambda ask: not opened_by_person(gates.get(ask.gate)))
    found: list[Requirement] = []
    for ask in asks:
        found.append(_requirement(replace(ask, risks=risks), found, label, f"{label}:{ask.gate}"))
    return found


def _with_always(found: Sequence[Requirement], site: Site, gates: Gates, risks: tuple[str, ...]) -> list[Requirement]:
    """Gates asked of every plan, with the settings that the policy gives them anywhere, or none."""
    joined = list(found)
    for gate in gates.values():
        if gate.always:
            for settings in settings_anywhere(site, gate.name) or [{}]:
                if not any(
                    r.gate == gate.name and dict(r.settings) == settings and set(risks) <= set(r.risks) for r in joined
                ):
                    joined.append(
                        _requirement(Ask(gate.name, settings, risks), joined, gate.name, f"{gate.name}:always")
                    )
    return joined


@dataclass(frozen=True)
class Approvers:
    """Who must agree where ``security`` decides and there is no plan: how many persons, of which roles."""

    approvers: int = 1
    roles: tuple[str, ...] = ()


def approvers_of(inventory: Inventory, site: Site, gates: Gates) -> Approvers:
    """The strictest count, and the roles, of the gates that the site's ``security`` asks a person at."""
    said = [
        person_settings(settings_of(gates, ask, inventory))
        for ask in said_of(inventory, site, SECURITY)
        if opened_by_person(gates.get(ask.gate))
    ]
    return Approvers(max((s.approvers for s in said), default=1), next((s.roles for s in said if s.roles), ()))


def settings_anywhere(site: Site, gate: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for key in site.policy.gates:
        for ask in _named(site, key) or []:
            if ask.gate == gate and dict(ask.settings) not in found:
                found.append(dict(ask.settings))
    return found


def settings_of(gates: Gates, ask: Ask | Requirement, inventory: Inventory) -> GateSettings:
    """Validated; raises ``KeyError`` for a gate that nothing provides, ``ValidationError`` for wrong ones."""
    model: type[GateSettings] = gates[ask.gate].settings_model
    return model.model_validate(dict(ask.settings), context=inventory.context)


def person_settings(settings: GateSettings) -> PersonSettings:
    """Of a gate that a person opens: who they must be, and how long their word counts."""
    return settings if isinstance(settings, PersonSettings) else PersonSettings()


def opened_by_person(gate: Gate[Any] | None) -> bool:
    return gate is not None and gate.by_person
