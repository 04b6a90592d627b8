"""A wrong policy, found when the inventory is read and never when a plan waits: exit code 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from retrust.approval.required import (
    BY_PERSON,
    OCCASIONS,
    RISKS,
    Ask,
    Gates,
    opened_by_person,
    said_of,
    settings_anywhere,
    settings_of,
)
from retrust.errors import InventoryError

if TYPE_CHECKING:
    from retrust.gates import Gate
    from retrust.inventory import Inventory, Site

Loc = tuple[str | int, ...]


def check_policy(inventory: Inventory, site: Site, gates: Gates) -> tuple[str, ...]:
    """Raise ``InventoryError`` for a policy that cannot be kept; say what is allowed and seldom meant."""
    keys = tuple(dict.fromkeys((*RISKS, *OCCASIONS, *site.risk_classes)))
    problems = [
        f"{inventory.where(*_loc(site, key))}: unknown risk class; known: {', '.join(keys)}"
        for key in site.policy.gates
        if key not in keys
    ]
    doubts: list[str] = []
    for key in keys:
        asks = said_of(inventory, site, key)
        for number, ask in enumerate(asks):
            wrong = tuple(_wrong(inventory, (*_loc(site, key), number), ask, gates))
            problems += wrong
            if not wrong:
                said = _doubts(ask, gates, inventory)
                doubts += (f"{inventory.where(*_loc(site, key))}: {doubt}" for doubt in said)
        if key in BY_PERSON and not any(opened_by_person(gates.get(ask.gate)) for ask in asks):
            problems.append(
                f"{inventory.where(*_loc(site, key))}: needs a gate that a person opens, such as people or confirm"
            )
    problems += _unset(inventory, site, gates)
    if problems:
        many = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        file = f" {inventory.file}" if inventory.file else ""
        raise InventoryError(f"{many} in the inventory{file}", problems=tuple(problems))
    return tuple(doubts)


def _loc(site: Site, key: str) -> tuple[str, ...]:
    return ("sites", site.name, "policy", key)


def _wrong(inventory: Inventory, loc: Loc, ask: Ask, gates: Gates) -> Iterator[str]:
    if ask.gate not in gates:
        known = ", ".join(sorted(gates)) or "none"
        yield f"{inventory.where(*loc)}: nothing provides the gate {ask.gate!r}; known: {known}"
        return
    if wrong := _not_for(inventory, gates[ask.gate]):
        yield f"{inventory.where(*loc)}: {wrong}"
        return
    try:
        inventory.parse(gates[ask.gate].settings_model, ask.settings, *loc)
    except InventoryError as exc:
        yield from exc.problems or (str(exc),)


def _not_for(inventory: Inventory, gate: Gate[Any]) -> str | None:
    """A gate of accounts where people are named."""
    if inventory.people and gate.at_terminal:
        return (
            f"the gate {gate.name} is answered by whoever is at the terminal, and this inventory names people: "
            "use the gate people"
        )
    return None


def _doubts(ask: Ask, gates: Gates, inventory: Inventory) -> Sequence[str]:
    """What the gate itself doubts; one that fails over it is said, and counts as shut when it is asked."""
    try:
        return tuple(gates[ask.gate].check(settings_of(gates, ask, inventory), inventory))
    except Exception as exc:
        return (f"the gate {ask.gate} failed with {type(exc).__name__}, so it stays shut",)


def _unset(inventory: Inventory, site: Site, gates: Gates) -> Iterator[str]:
    for gate in gates.values():
        if gate.always and not settings_anywhere(site, gate.name):
            for problem in _wrong(inventory, ("sites", site.name, "policy"), Ask(gate.name, {}), gates):
                yield f"{problem}; the gate {gate.name} is asked of every plan, so the policy must set it"
