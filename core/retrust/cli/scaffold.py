"""``retrust plugins new``: a package with a gate, a target and their tests, to start from.

What it writes stands in ``scaffold_files`` under the name ``my-site``, as it is read by whoever starts from it.
"""

from __future__ import annotations

import re
from pathlib import Path

from retrust.errors import UsageError

FILES = Path(__file__).parent / "scaffold_files"


def write_scaffold(name: str, folder: Path) -> Path:
    """Write the package ``name`` below ``folder``; nothing that exists is touched."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(f"{name!r} is no plugin name", hint="lower-case words and dashes, such as my-site")
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


def _named(text: str, name: str) -> str:
    return text.replace("my-site", name).replace("my_site", name.replace("-", "_"))
