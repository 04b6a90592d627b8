"""``retrust plugins new``: a package with a gate, a target and their tests, to start from.

What it writes stands in ``scaffold_files`` under the name ``my-site``, as it is read by whoever starts from it.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Container
from importlib.util import find_spec
from pathlib import Path

from retrust.errors import UsageError

FILES = Path(__file__).parent / "scaffold_files"
TESTS = "tests"
"""The folder beside the package."""


def write_scaffold(name: str, folder: Path, taken: Container[str] = ()) -> Path:
    """Write the package ``name`` below ``folder``; nothing that exists is touched. ``taken`` are plugins' names."""
    if why := _unfit(name, name.replace("-", "_"), taken):
        raise UsageError(f"{name!r} is no plugin name: {why}", hint="take another one, such as my-site")
    home = folder / name
    try:
        home.mkdir(parents=True)
    except FileExistsError:
        raise UsageError("exists already and is left as it is", where=str(home)) from None
    for template in sorted(FILES.rglob("*.txt")):
        path = home / _named(str(template.relative_to(FILES)), name).removesuffix(".txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(_named(template.read_text(encoding="utf-8"), name), encoding="utf-8")
    return home


def _unfit(name: str, package: str, taken: Container[str]) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return "it must be lower-case words and dashes"
    if keyword.iskeyword(package):
        return "it is a word of the Python language"
    if name in taken:
        return "Retrust has a plugin, a gate or a target of this name already"
    if package == TESTS:
        return "the folder of its tests has this name"
    if package in sys.stdlib_module_names or find_spec(package):
        return f"there is a Python module {package} already, which its package would hide"
    return None


def _named(text: str, name: str) -> str:
    return text.replace("my-site", name).replace("my_site", name.replace("-", "_"))
