"""Every hook on one page, and one contract behind each."""

from __future__ import annotations

import inspect
import sys
import types
from pathlib import Path

import pytest

from retrust import hookspecs
from retrust.engine.contracts import CONTRACTS
from retrust.engine.loader import load_plugins
from retrust.hookspecs import hookimpl

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("retrust_")}


def test_each_hook_has_its_contract() -> None:
    """What a hook returns is held against a class; no contract is without a hook."""
    assert set(HOOKS) == set(CONTRACTS)
    for contract in CONTRACTS.values():
        assert isinstance(contract.cls, type)


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_says_when_it_is_called(name: str) -> None:
    """A hook takes nothing, returns a list of its contract's objects, and its specification opens with when."""
    hook = HOOKS[name]
    assert not inspect.signature(hook).parameters
    assert (hook.__doc__ or "").startswith("When ")
    returned = inspect.signature(hook).return_annotation
    assert returned.startswith("Sequence[" + CONTRACTS[name].cls.__name__)


def test_a_plugin_may_name_what_it_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is imported when its kind is needed, and a class is called without arguments."""
    (tmp_path / "gate_of_this_test.py").write_text(
        "from retrust.gates import Standard\nclass Mine(Standard):\n    name = 'mine'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugin = types.ModuleType("theirs")
    plugin.retrust_gates = hookimpl(lambda: ["gate_of_this_test:Mine"])  # type: ignore[attr-defined]
    plugin.retrust_gates.__name__ = "retrust_gates"
    plugins = load_plugins(extra={"theirs": plugin}, entry_points=False)
    assert plugins.targets == {}
    assert "gate_of_this_test" not in sys.modules
    assert type(plugins.gates["mine"]).__name__ == "Mine"
    del sys.modules["gate_of_this_test"]
