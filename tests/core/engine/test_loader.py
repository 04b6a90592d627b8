"""Loading is all or nothing, and whoever is at fault is named."""

from __future__ import annotations

from typing import Any

import pytest

from retrust.engine.loader import Plugins, load_plugins
from retrust.errors import PluginError
from retrust.hookspecs import hookimpl
from retrust.inventory import Site
from retrust.target import Target


def load(**plugins: object) -> Plugins:
    return load_plugins(extra=plugins, entry_points=False)


class Collecting:
    """A plugin whose one hook returns what it was given."""

    def __init__(self, *targets: object) -> None:
        self._targets = list(targets)

    @hookimpl
    def retrust_targets(self) -> list[object]:
        return self._targets


class Mine(Target[Site]):
    site_model = Site
    stages = ("delete",)

    def __init__(self, name: str) -> None:
        self.name = name

    def holders(self, site: Site) -> tuple[str, ...]:
        return ()

    def locate(self, site: Site, pin: Any) -> Any: ...

    def fits(self, site: Site, sighting: Any, pin: Any, place: Any) -> bool:
        return False

    def steps(self, site: Site, planned: Any, snapshot: Any, deleted: Any) -> Any: ...

    def connect(self, site: Site, services: Any) -> Any: ...


def target(name: str) -> Mine:
    return Mine(name)


def test_three_lines_add_a_target() -> None:
    """A plugin of three lines adds a target."""

    class Plugin:
        @hookimpl
        def retrust_targets(self):
            return [target("mine")]

    assert list(load(mine=Plugin()).targets) == ["mine"]


def test_built_in_features_come_through_the_same_hooks() -> None:
    """The distribution's own entry points provide the Prime target, and the core provides none."""
    assert list(load().targets) == []
    plugins = load_plugins()
    assert plugins.load_all()["targets"]["cisco-prime"] == "cisco-prime"
    assert plugins.origins["cisco-prime"].startswith("retrust ")


def test_one_name_twice_names_both_plugins() -> None:
    """Two objects of one kind with one name are an error that names both plugins."""
    with pytest.raises(PluginError, match=r"plugin two: .*'mine'.*plugin one"):
        _ = load(one=Collecting(target("mine")), two=Collecting(target("mine"))).targets


def test_a_hook_that_raises_names_its_plugin() -> None:
    """An exception in a hook stops the start and names its plugin."""

    class Raising:
        @hookimpl
        def retrust_targets(self) -> list[object]:
            raise RuntimeError("no licence")

    with pytest.raises(PluginError, match=r"plugin raising: retrust_targets\(\) raised RuntimeError: no licence"):
        _ = load(raising=Raising()).targets


def test_a_hook_returns_a_list() -> None:
    """A hook that returns one bare object is an error that says what was returned."""

    class Bare:
        @hookimpl
        def retrust_targets(self) -> object:
            return target("mine")

    with pytest.raises(PluginError, match=r"plugin bare: .*returned Mine, not a list"):
        _ = load(bare=Bare()).targets


class Unknown:
    @hookimpl
    def retrust_no_such_hook(self) -> None: ...


class Unmarked:
    def retrust_targets(self) -> list[object]:
        return []


class Async:
    @hookimpl
    async def retrust_targets(self) -> list[object]:
        return []


class Arguments:
    @hookimpl
    def retrust_targets(self, inventory: object) -> list[object]:
        return []


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (Unknown(), "retrust_no_such_hook"),
        (Unmarked(), "lacks @hookimpl"),
        (Async(), "must not be async"),
        (Arguments(), "inventory"),
    ],
)
def test_a_wrong_signature_refuses_to_start(plugin: object, said: str) -> None:
    """An unknown hook, a forgotten marker, an async hook and an unknown argument are all found at load."""
    with pytest.raises(PluginError, match=f"(?s)plugin bad: .*{said}"):
        load(bad=plugin)


def test_every_hook_says_when_it_is_called() -> None:
    """Each hook's specification opens with when it is called."""
    from retrust import hookspecs

    hooks = [getattr(hookspecs, name) for name in dir(hookspecs) if name.startswith("retrust_")]
    assert len(hooks) >= 8
    assert all((hook.__doc__ or "").startswith("When ") for hook in hooks)
