"""Options that several verbs share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="A site of the inventory.")]
