"""Options that several verbs share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retrust.engine.engine import Engine
from retrust.errors import RetrustError

InventoryOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory", help="The inventory; default: RETRUST_INVENTORY, else ./retrust.yaml.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One object on stdout, messages on stderr.")]
ServerOption = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="Ask a console there, with the token in RETRUST_TOKEN.")
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")]


def _sites() -> list[str]:
    """For a shell that completes a word; where the inventory cannot be read, it completes nothing."""
    try:
        return list(Engine.start().inventory.sites)
    except RetrustError:
        return []


SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="A site of the inventory.", autocompletion=_sites)]
SitesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[SITE…]", help="Sites; default: all.", autocompletion=_sites)
]
