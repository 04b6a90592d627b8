"""What each kind of plugin object owes, checked when it is loaded: a contract that is not kept refuses to start.

The base classes (``Target``, ``Gate``, …) are the contracts. Whatever differs from them is refused with the plugin,
the object and the line that is expected, which is read off the base class: a method that is missing, has other
parameters or is not awaitable; settings that are no model; an attribute of another type; and a name that nearly
is one of the contract's, as it would be ignored in silence.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from typing import Any

from retrust.errors import PluginError

CLOSE = 0.8
"""From which likeness on two names are taken for a slip of the hand."""


@dataclass(frozen=True)
class Contract:
    """``base`` and ``model`` are ``module:class``; ``model`` is what the object's ``site_model`` or
    ``settings_model`` derives from. ``key`` is the attribute that names the object."""

    base: str
    key: str = "name"
    model: str | None = None

    @property
    def cls(self) -> type:
        base: type = imported(self.base)
        return base


CONTRACTS = {
    "retrust_targets": Contract("retrust.target:Target", model="retrust.inventory:Site"),
    "retrust_gates": Contract("retrust.gates:Gate", model="retrust.gates:GateSettings"),
    "retrust_collectors": Contract("retrust.evidence:Collector"),
    "retrust_log_signatures": Contract("retrust.signatures:LogSignature"),
    "retrust_sources": Contract("retrust.sources:EventSource", model="pydantic:BaseModel"),
    "retrust_observers": Contract("retrust.observers:Observer"),
    "retrust_secret_stores": Contract("retrust.secrets.stores:SecretStore", key="scheme"),
    "retrust_apps": Contract("retrust.apps:App"),
    "retrust_commands": Contract("retrust.commands:Command"),
}


def keep(hook: str, item: Any, plugin: str, returned: Any) -> str:
    """The object's name, if it keeps the contract of its kind; else ``PluginError``. ``returned`` is the object, or
    what names it."""
    contract = CONTRACTS[hook]
    if (wrong := next(_wrong(contract, item), None)) is not None:
        named = f"returned {_called(item)}" if returned is item else f"names {returned!r}, {_called(item)}"
        raise PluginError(f"{hook} {named}: {wrong}", plugin=plugin)
    name: str = getattr(item, contract.key)
    return name


def differences(item: Any, base: type) -> Iterator[str]:
    """How an object that no hook returns differs from its base class: names that nearly are its, and methods."""
    yield from _near_misses(item, [base])
    yield from _wrong_methods(base, item)


def imported(name: str) -> Any:
    """What ``module:attribute`` names."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise ValueError("expected `module:attribute`")
    return getattr(import_module(module), attribute)


def _called(item: Any) -> str:
    if isinstance(item, type):
        return item.__name__
    if inspect.isroutine(item) or inspect.ismodule(item):
        return f"the {'module' if inspect.ismodule(item) else 'function'} {item.__name__}"
    return repr(item) if item is None or isinstance(item, str) else type(item).__name__


def _wrong(contract: Contract, item: Any) -> Iterator[str]:
    base = contract.cls
    if isinstance(item, type):
        yield f"a class, where an object is due; expected `{item.__name__}()`"
    elif not isinstance(item, base):
        yield f"it is no {base.__name__}; expected {_due(base, item)}"
    else:
        yield from _wrong_attributes(contract, base, item)
        yield from _near_misses(item, _contracts_of(item))
        yield from _wrong_methods(base, item)


def _due(base: type, item: Any) -> str:
    """What stands there instead: a class of the plugin's own that derives from ``base``; of a dataclass, an object."""
    if is_dataclass(base):
        values = ", ".join(repr(item) if isinstance(item, str) and f.name == "load" else f.name for f in fields(base))
        return f"`{base.__name__}({values})`"
    if type(item).__module__ == "builtins":
        return f"an object, or the name, of a class that derives from it: `class Mine({_as_base(base)}):`"
    return f"`class {type(item).__name__}({_as_base(base)}):`"


def _as_base(base: type) -> str:
    parameters = ", ".join(p.__name__ for p in getattr(base, "__parameters__", ()))
    return f"{base.__name__}[{parameters}]" if parameters else base.__name__


# -- attributes -------------------------------------------------------------------------------------------


def _wrong_attributes(contract: Contract, base: type, item: Any) -> Iterator[str]:
    for name, annotation in inspect.get_annotations(base).items():
        expected = f"expected `{_line_of_attribute(base, name)}`"
        try:
            value = getattr(item, name)
        except AttributeError:
            yield f"it has no {name}; {expected}"
            continue
        except Exception as exc:
            yield f"its {name} raised {type(exc).__name__}: {exc}; {expected}"
            continue
        if annotation.startswith("type["):
            yield from _wrong_model(contract, name, value, expected)
        elif not _is_of(annotation, value) or (name == contract.key and not value):
            yield f"its {name} is {value!r}; {expected}"


def _wrong_model(contract: Contract, name: str, value: Any, expected: str) -> Iterator[str]:
    model = imported(contract.model or "pydantic:BaseModel")
    if not (isinstance(value, type) and issubclass(value, model)):
        yield f"its {name} is {value!r}, no model that derives from {model.__name__}; {expected}"


_KINDS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "bytes": lambda value: isinstance(value, bytes) and bool(value),
    "bool": lambda value: isinstance(value, bool),
    "tuple[str, ...]": lambda value: isinstance(value, tuple) and all(isinstance(v, str) and v for v in value),
    "FirstUse": lambda value: value in ("written", "blind"),
    "Answers": lambda value: type(value).__name__ == "Answers",
}


def _is_of(annotation: str, value: Any) -> bool:
    return _KINDS.get(annotation, lambda value: True)(value)


def _line_of_attribute(base: type, name: str) -> str:
    default = f" = {getattr(base, name)!r}" if hasattr(base, name) else ""
    return f"{name}: {inspect.get_annotations(base)[name]}{default}"


# -- names ------------------------------------------------------------------------------------------------


def _contracts_of(item: Any) -> list[type]:
    names = {contract.base for contract in CONTRACTS.values()}
    return [cls for cls in type(item).__mro__ if f"{cls.__module__}:{cls.__qualname__}" in names]


def _members(base: type) -> set[str]:
    return {n for n in (*vars(base), *inspect.get_annotations(base)) if not n.startswith("_")}


def _near_misses(item: Any, bases: Sequence[type]) -> Iterator[str]:
    """Public names of the object that are not its contracts', nearly are, and so would never be asked for."""
    known = {name: base for base in bases for name in _members(base)}
    own = {
        name: None
        for cls in type(item).__mro__
        if cls not in (*bases, object) and cls.__module__ != "typing"
        for name in (*vars(cls), *inspect.get_annotations(cls))
    } | dict.fromkeys(getattr(item, "__dict__", {}))
    plain = {_plain(name): name for name in known}
    for name in own:
        if name.startswith("_") or name in known:
            continue
        close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=CLOSE)
        if close and plain[close[0]] not in own:
            meant = plain[close[0]]
            yield (
                f"it has {name!r}, which nobody asks for (did you mean {meant!r}?); "
                f"expected `{_line_of(known[meant], meant, item)}`"
            )


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()


# -- methods ----------------------------------------------------------------------------------------------


def _wrong_methods(base: type, item: Any) -> Iterator[str]:
    for name, wanted in vars(base).items():
        if name.startswith("_") or not inspect.isfunction(wanted):
            continue
        expected = f"expected `{_line_of(base, name, item)}`"
        found = getattr(item, name)
        if getattr(found, "__func__", found) is wanted:
            if getattr(wanted, "__isabstractmethod__", False):
                yield f"it has no method {name}(); {expected}"
        elif not callable(found):
            yield f"its {name} is {found!r}, no method; {expected}"
        elif "Awaitable" not in str(wanted.__annotations__.get("return")) and (
            inspect.iscoroutinefunction(wanted) != inspect.iscoroutinefunction(found)
        ):
            yield f"its {name}() must {'be' if inspect.iscoroutinefunction(wanted) else 'not be'} async; {expected}"
        elif not _accepts(inspect.signature(found), inspect.signature(wanted)):
            yield f"its {name}{inspect.signature(found)} takes other parameters; {expected}"


def _accepts(found: inspect.Signature, wanted: inspect.Signature) -> bool:
    """Whether each call that the contract makes is understood: by place and by name; more may have defaults."""
    ours = list(wanted.parameters.values())[1:]  # without self, which a bound method no longer shows
    theirs = list(found.parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in theirs) and any(p.kind is p.VAR_KEYWORD for p in theirs):
        return True
    positional = [p for p in theirs if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for place, parameter in enumerate(ours):
        if parameter.kind is parameter.KEYWORD_ONLY:
            same = found.parameters.get(parameter.name)
            if same is None or same.kind is same.POSITIONAL_ONLY:
                return False
        elif place >= len(positional) or positional[place].name.lstrip("_") != parameter.name:
            return False
    names = {p.name for p in ours}
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        for p in theirs
        if p.name.lstrip("_") not in names
    )


def _line_of(base: type, name: str, item: Any) -> str:
    """The contract's own line, with the object's own model where the contract leaves it open."""
    member = vars(base).get(name)
    if not inspect.isfunction(member):
        return _line_of_attribute(base, name)
    signature = str(inspect.signature(member)).replace("'", "")
    for attribute in ("settings_model", "site_model"):
        model = getattr(item, attribute, None)
        if isinstance(model, type):
            signature = signature.replace("SettingsT", model.__name__).replace("SiteT", model.__name__)
    return f"{'async ' if inspect.iscoroutinefunction(member) else ''}def {name}{signature}"
