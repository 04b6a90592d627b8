"""``make docs``: what is generated from the code, written anew. A test fails when it drifts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from docs import house

from retrust import states
from retrust.engine.loader import Plugins, load_plugins
from retrust.inventory.schema import schema

HERE = Path(__file__).parent


def generated(plugins: Plugins) -> dict[str, str]:
    """Every generated file below docs/, by name."""
    return {
        "states.md": states.document(),
        "inventory.schema.json": json.dumps(schema(plugins.site_models), indent=2, ensure_ascii=False) + "\n",
        "commands.md": commands(plugins),
        "architecture.svg": house.picture(),
        "architecture.md": house.described(_page("architecture.md"), "rooms", house.table()),
        "plugins.md": house.described(_page("plugins.md"), "what plugins may import", house.importable()),
    }


def _page(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def commands(plugins: Plugins) -> str:
    """All verbs, and which plugin brings each."""
    brought = plugins.load_all()["commands"]
    rows = [f"| `retrust {c.name}` | {c.help} | {brought[c.name]} |" for c in plugins.commands.values()]
    return "\n".join(
        [
            "# Commands",
            "",
            "Written by `make docs`; `retrust VERB --help` has the options.",
            "",
            "| command | does | comes from |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    for name, text in generated(load_plugins()).items():
        (HERE / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
