# ruff: noqa: E501 - a row of the table is one way to get it wrong, and reads best as one line
"""Contracts close: whatever a plugin's object gets wrong is refused at load, with the line that is expected."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from retrust.apps import App
from retrust.commands import Command
from retrust.engine.loader import load_plugins
from retrust.errors import PluginError
from retrust.evidence import Collector
from retrust.gates import Confirm, Gate, GateSettings, Question
from retrust.hookspecs import hookimpl
from retrust.inventory import Site
from retrust.models import Answers, GateState
from retrust.observers import Observer
from retrust.secrets.stores import SecretStore
from retrust.signatures import LogSignature
from retrust.sources import EventSource
from retrust.target import Target


class Settings(GateSettings):
    """A gate's own settings."""


class Good(Gate[Settings]):
    name = "good"
    settings_model = Settings

    async def state(self, question: Question[Settings]) -> GateState:
        return GateState(gate=self.name, state="open")


class GoodTarget(Target[Site]):
    name = "good"
    site_model = Site
    stages = ("delete",)

    def holders(self, site: Any) -> tuple[str, ...]:
        return ("here",)

    def locate(self, site: Any, pin: Any) -> Any: ...

    def fits(self, site: Any, sighting: Any, pin: Any, place: Any) -> bool:
        return True

    def steps(self, site: Any, planned: Any, snapshot: Any, deleted: Any) -> tuple[Any, ...]:
        return ()

    def connect(self, site: Any, services: Any) -> Any: ...


class GoodCollector(Collector):
    name, answers = "good", Answers.PEERS_OWN

    async def collect(self, edge: Any, eyes: Any) -> Any: ...


class GoodSource(EventSource[BaseModel]):
    name, settings_model = "good", BaseModel

    async def run(self, settings: Any, delivery: Any) -> None: ...


class GoodObserver(Observer):
    name = "good"

    async def told(self, entry: Any) -> None: ...


class GoodStore(SecretStore):
    scheme = "vault"

    async def read(self, rest: str) -> str:
        return rest


class GoodSignature(LogSignature):
    name, anchor = "good", b"failed"

    def read(self, window: Any) -> Any: ...


class GoodApp(App):
    name, path = "good", "/good"

    def build(self, host: Any, ledger: Any) -> Any: ...


GOOD = {
    "targets": GoodTarget,
    "gates": Good,
    "collectors": GoodCollector,
    "sources": GoodSource,
    "observers": GoodObserver,
    "secret_stores": GoodStore,
    "log_signatures": GoodSignature,
    "apps": GoodApp,
    "commands": lambda: Command("good", "does good", "good:good"),
}


def loaded(kind: str, item: Any) -> dict[str, Any]:
    """The objects of a kind, where one plugin registers this one."""

    def hook(self: object) -> list[Any]:
        return [item]

    hook.__name__ = f"retrust_{kind}"
    plugin = type("Plugin", (), {hook.__name__: hookimpl(hook)})()
    found: dict[str, Any] = getattr(load_plugins(extra={"theirs": plugin}, entry_points=False), kind)
    return found


@pytest.mark.parametrize("kind", GOOD)
def test_what_keeps_its_contract_is_loaded(kind: str) -> None:
    """The least object of each kind is accepted."""
    item = GOOD[kind]()
    assert item in loaded(kind, item).values()


def of(base: type, /, **members: Any) -> Any:
    """An object of a class that differs from a good one in these members; None takes one away."""
    kept = {n: v for n, v in vars(base).items() if n not in ("__dict__", "__weakref__", "__orig_bases__")}
    body = {n: v for n, v in (kept | members).items() if v is not None}
    return type(base.__name__, base.__bases__, body)()


async def state_of_two(self: Any, question: Any, more: Any) -> Any: ...
async def state_named(self: Any, asked: Any) -> Any: ...
async def state_alone(self: Any) -> Any: ...
async def state_by_name(self: Any, *, question: Any) -> Any: ...
def state_at_once(self: Any, question: Any) -> Any: ...
async def covers_later(self: Any, settings: Any, other: Any) -> Any: ...
def covers_one(self: Any, settings: Any) -> Any: ...
def told_at_once(self: Any, entry: Any) -> None: ...
def collect_at_once(self: Any, edge: Any, eyes: Any) -> Any: ...
def run_at_once(self: Any, settings: Any, delivery: Any) -> None: ...
def steps_of_three(self: Any, site: Any, planned: Any, snapshot: Any) -> Any: ...
async def connect_later(self: Any, site: Any, services: Any) -> Any: ...
def raising(self: Any) -> Any:
    raise RuntimeError("no licence")


STATE = r"async def state\(self, question: Question\[Settings\]\) -> GateState"
COVERS = r"def covers\(self, settings: Settings, other: Settings\) -> bool"

BROKEN: list[tuple[str, Any, str]] = [
    ("gates", SimpleNamespace(name="x", state=None), r"SimpleNamespace: it is no Gate; expected `class SimpleNamespace\(Gate\[SettingsT\]\):`"),
    ("gates", Good, r"Good: a class, where an object is due; expected `Good\(\)`"),
    ("gates", of(Good, state=None), rf"no method state\(\); expected `{STATE}`"),
    ("gates", of(Good, state=state_at_once), rf"state\(\) must be async; expected `{STATE}`"),
    ("gates", of(Good, state=state_of_two), rf"takes other parameters; expected `{STATE}`"),
    ("gates", of(Good, state=state_alone), rf"takes other parameters; expected `{STATE}`"),
    ("gates", of(Good, state=state_named), rf"takes other parameters; expected `{STATE}`"),
    ("gates", of(Good, state=state_by_name), rf"takes other parameters; expected `{STATE}`"),
    ("gates", of(Good, state="open"), rf"its state is 'open', no method; expected `{STATE}`"),
    ("gates", of(Good, covers=covers_later), rf"covers\(\) must not be async; expected `{COVERS}`"),
    ("gates", of(Good, covers=covers_one), rf"takes other parameters; expected `{COVERS}`"),
    ("gates", of(Good, covers=True), rf"its covers is True, no method; expected `{COVERS}`"),
    ("gates", of(Good, settings_model=BaseModel), r"no model that derives from GateSettings; expected `settings_model: type\[SettingsT\]`"),
    ("gates", of(Good, settings_model=Settings()), r"no model that derives from GateSettings"),
    ("gates", of(Good, settings_model=dict), r"no model that derives from GateSettings"),
    ("gates", of(Good, settings_model=None), r"has no settings_model; expected `settings_model: type\[SettingsT\]`"),
    ("gates", of(Good, by_person="yes"), r"its by_person is 'yes'; expected `by_person: bool = False`"),
    ("gates", of(Good, name=""), r"its name is ''; expected `name: str`"),
    ("gates", of(Good, name=7), r"its name is 7; expected `name: str`"),
    ("gates", of(Good, name=property(raising)), r"its name raised RuntimeError: no licence; expected `name: str`"),
    ("gates", of(Good, alway=True), r"has 'alway', which nobody asks for \(did you mean 'always'\?\); expected `always: bool = False`"),
    ("gates", of(Good, atTerminal=True), r"has 'atTerminal', .*expected `at_terminal: bool = False`"),
    ("gates", of(Good, cover=covers_one), rf"has 'cover', .*expected `{COVERS}`"),
    ("gates", of(Good, checks=covers_one), r"has 'checks', .*expected `def check\(self, settings: Settings, inventory: Inventory\) -> Iterable\[str\]`"),
    ("targets", of(GoodTarget, steps=None), r"no method steps\(\); expected `def steps\(self, site: Site, planned: Sequence\[Finding\], snapshot: Snapshot, deleted: frozenset\[str\]\) -> tuple\[Step, ...\]`"),
    ("targets", of(GoodTarget, steps=steps_of_three), r"takes other parameters; expected `def steps\("),
    ("targets", of(GoodTarget, connect=connect_later), r"connect\(\) must not be async; expected `def connect\("),
    ("targets", of(GoodTarget, stages="delete"), r"its stages is 'delete'; expected `stages: tuple\[str, ...\]`"),
    ("targets", of(GoodTarget, stages=["delete"]), r"expected `stages: tuple\[str, ...\]`"),
    ("targets", of(GoodTarget, site_model=BaseModel), r"no model that derives from Site; expected `site_model: type\[SiteT\]`"),
    ("targets", of(GoodTarget, warning=raising), r"has 'warning', .*expected `def warnings\(self, site: Site\) -> tuple\[str, ...\]`"),
    ("collectors", of(GoodCollector, collect=collect_at_once), r"must be async; expected `async def collect\(self, edge: Edge, eyes: Eyes\) -> Collected`"),
    ("collectors", of(GoodCollector, answers="the peer's own"), r"expected `answers: Answers`"),
    ("sources", of(GoodSource, run=run_at_once), r"must be async; expected `async def run\(self, settings: BaseModel, delivery: Delivery\) -> None`"),
    ("sources", of(GoodSource, settings_model=dict), r"no model that derives from BaseModel"),
    ("observers", of(GoodObserver, told=told_at_once), r"must be async; expected `async def told\(self, entry: Entry\) -> None`"),
    ("observers", of(GoodObserver, open=raising), r"has 'open', .*expected `def opened\("),
    ("secret_stores", of(GoodStore, read=None), r"no method read\(\); expected `def read\(self, rest: str\) -> str | Awaitable\[str\]`"),
    ("secret_stores", of(GoodStore, scheme=None), r"has no scheme; expected `scheme: str`"),
    ("log_signatures", of(GoodSignature, anchor="text"), r"its anchor is 'text'; expected `anchor: bytes`"),
    ("apps", of(GoodApp, build=None), r"no method build\(\); expected `def build\(self, host: Host, ledger: Ledger\) -> Any`"),
    ("apps", of(GoodApp, path=None), r"has no path; expected `path: str`"),
    ("commands", {"name": "good"}, r"dict: it is no Command; expected `Command\(name, help, load\)`"),
    ("commands", "core.cli:go", r"'core.cli:go': it is no Command; expected `Command\(name, help, 'core.cli:go'\)`"),
    ("gates", None, r"None: it is no Gate; expected an object, or the name, of a class that derives from it: `class Mine\(Gate\[SettingsT\]\):`"),
    ("gates", state_alone, r"the function state_alone: it is no Gate; expected an object, or the name, of a class"),
    ("gates", inspect, r"the module inspect: it is no Gate; expected an object, or the name, of a class"),
    ("gates", lambda: Good(), r"the function <lambda>: it is no Gate; expected an object, or the name, of a class"),
    ("commands", Command("good", "does good", 7), r"its load is 7; expected `load: str`"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "item", "said"), BROKEN)
def test_what_breaks_its_contract_is_refused(kind: str, item: Any, said: str) -> None:
    """Each way to get it wrong names the plugin, the object, and the line that is expected."""
    with pytest.raises(PluginError, match=rf"(?s)^plugin theirs: retrust_{kind} returned .*{said}"):
        loaded(kind, item)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("textwrap:dedent", "the function dedent: it is no Gate; expected an object, or the name, of a class"),
        ("types:SimpleNamespace", r"SimpleNamespace: it is no Gate; expected `class SimpleNamespace\(Gate"),
    ],
)
def test_what_a_name_names_keeps_its_contract(name: str, said: str) -> None:
    """Where `module:attribute` names a function, or a class of another kind, the name is said and what is due."""
    with pytest.raises(PluginError, match=rf"^plugin theirs: retrust_gates names '{name}', {said}"):
        loaded("gates", name)


class Roomy(Good):
    """More than the contract asks for."""

    limit = 3

    async def state(self, question: Question[Settings], again: bool = False, *more: Any, **others: Any) -> GateState:
        return await super().state(question)

    def refusals(self) -> int:
        return self.limit


def test_what_adds_to_its_contract_is_accepted() -> None:
    """Further parameters with defaults, and names that mean something else, are the plugin's own affair."""
    assert "good" in loaded("gates", Roomy())


def test_what_is_inherited_from_another_gate_counts() -> None:
    """A gate that derives from a built-in one keeps the contract with what it inherits."""
    assert "ours" in loaded("gates", type("Ours", (Confirm,), {"name": "ours"})())
