"""Loading is all or nothing, and whoever is at fault is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
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


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package with one module and one entry point, as pip does, for this test."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(package: str, code: str, *, name: str = "site-own", value: str | None = None) -> None:
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[retrust]\n{name} = {value or package}\n")

    yield write
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


HOOK = "from retrust.hookspecs import hookimpl\n@hookimpl\ndef retrust_gates():\n    "
PLACE = r", at \S+/own_plugin.py"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys\nsys.exit(3)", rf"SystemExit: 3{PLACE}:2 \(a plugin must not end the process"),
        ("\nimport own_other", rf"ModuleNotFoundError: .*{PLACE}:2 \(install own_other into this environment"),
        ("from retrust.x509 import fingerprints", rf"ImportError: .*{PLACE}:1 \(what a plugin may import is listed"),
        ("import json\njson.loads('{')", rf"JSONDecodeError: .*{PLACE}:2 \(correct this line, or uninstall"),
        ("\n\ndef x(:", rf"SyntaxError: invalid syntax{PLACE}:3 \(correct this line, or uninstall"),
        ("raise BaseException", rf"BaseException: it says no more{PLACE}:1 \(correct this line"),
    ],
)
def test_an_import_that_fails_shows_the_plugins_own_line(install: Install, code: str, said: str) -> None:
    """Whatever ends a plugin's import: one sentence with its name, the line of its own code, and what to do."""
    install("own_plugin", code)
    with pytest.raises(PluginError, match=f"^plugin site-own: cannot be imported from own_plugin: {said}"):
        load_plugins()


def test_an_entry_point_without_its_module_says_so(install: Install) -> None:
    """Where the entry point names a module that is not there, the name is what is wrong."""
    install("own_plugin", "", value="own_plugin.gates")
    with pytest.raises(PluginError, match=r"^plugin site-own: .*'own_plugin.gates'.*\(correct this name, and install"):
        load_plugins()


def test_ctrl_c_at_an_import_is_no_fault_of_the_plugin(install: Install) -> None:
    """Whoever interrupts while plugins are loaded interrupts."""
    install("own_plugin", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_plugins()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "raise SystemExit('no licence')",
            r"retrust_gates\(\) raised SystemExit: no licence, at .*py:4 \(a plugin must",
        ),
        ("return ['own_plugin:Gone']", r"retrust_gates names 'own_plugin:Gone': AttributeError: .*has no attribute"),
        ("return ['own_plugin']", r"retrust_gates names 'own_plugin': ValueError: expected `module:attribute`"),
        (
            "return ['own_plugin:Own']\nclass Own:\n    def __init__(self): 1 / 0",
            r"ZeroDivisionError: .*py:6 \(correct",
        ),
    ],
)
def test_a_hook_that_fails_shows_the_plugins_own_line(install: Install, body: str, said: str) -> None:
    """What a hook does, and what it names, is told like an import."""
    install("own_plugin", HOOK + body)
    with pytest.raises(PluginError, match=f"^plugin site-own: .*{said}"):
        _ = load_plugins().gates


def test_a_plugins_name_is_its_own(install: Install) -> None:
    """Of two plugins of one name both are named, before the second is imported."""
    install("own_plugin", "")
    install("own_second", "import sys\nsys.exit(3)")
    with pytest.raises(
        PluginError,
        match=r"^plugin site-own: two plugins have this name: own_plugin 1.0 \(own_plugin\) and own_second 1.0 "
        r"\(own_second\) \(give one of them another name",
    ):
        load_plugins()


@pytest.mark.parametrize(
    ("name", "said"), [("people", r"retrust \S+ \(retrust_plugins.people\)"), ("retrust", "Retrust itself")]
)
def test_a_built_in_plugins_name_is_taken(install: Install, name: str, said: str) -> None:
    """A plugin with the name of one that comes with Retrust is refused, and both are named."""
    install("own_plugin", "", name=name)
    with pytest.raises(PluginError, match=rf"^plugin {name}: two plugins have this name: .*{said}"):
        load_plugins()


def test_a_module_is_one_plugin(install: Install) -> None:
    """One module under two names is refused, and both names are said."""
    install("own_plugin", "")
    install("own_second", "", name="twin", value="own_plugin")
    with pytest.raises(PluginError, match=r"^plugin twin: is the same as the plugin site-own: own_second 1.0"):
        load_plugins()


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
