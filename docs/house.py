"""The picture of the core: rooms by floor, as import-linter checks them, and the way of an event through them."""

from __future__ import annotations

import ast
import html
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CORE = ROOT / "core" / "retrust"
WAY = (
    ("a source hears of a failure or a renewal", ("plugins", "sources", "logs")),
    ("the ledger keeps the sighting, signed into its chain", ("ledger",)),
    ("the service gives it to a site and starts a pass", ("flows",)),
    ("the pass reaches every holder, or none", ("runs", "target", "ssh")),
    ("pins, presented certificates, verdicts, evidence", ("trust", "evidence", "x509")),
    ("the plan, and the digest that binds it", ("runs",)),
    ("gates are asked, people decide", ("approval", "gates")),
    ("each step: look, send, look again", ("runs", "target", "browser")),
    ("who answers at the holder's first use", ("trust",)),
    ("verified: the certificate is the new baseline", ("ledger",)),
)
WIDTH, FLOOR, BOX, LEFT, RIGHT = 1180, 74, 50, 190, 200


@cache
def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    found: list[dict[str, Any]] = settings["contracts"]
    return found


def rooms() -> list[list[str]]:
    """Floors from the top; rooms of one floor may not import one another."""
    (contract,) = (c for c in _contracts() if c.get("containers") == ["retrust"])
    return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def _plugins_contract() -> dict[str, Any]:
    (contract,) = (c for c in _contracts() if "retrust.*.*" in c.get("forbidden_modules", ()))
    return contract


def is_public(room: str) -> bool:
    """Whether a plugin may import it, as import-linter checks it."""
    return not room.startswith("__") and f"retrust.{room}" not in _plugins_contract()["forbidden_modules"]


def purpose(room: str) -> str:
    """The first line of its docstring."""
    file = CORE / room / "__init__.py"
    file = file if file.exists() else CORE / f"{room}.py"
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0].replace("``", "`")


def picture() -> str:
    """The picture as SVG."""
    floors = rooms()
    height = 70 + FLOOR * len(floors) + 60 + 24 * ((len(WAY) + 1) // 2)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        "<style>text{fill:#1b2733}.public{fill:#e3f4ea;stroke:#2e8b57}.private{fill:#eef1f5;stroke:#8a99a8}"
        ".side{fill:#fff6e3;stroke:#c98a1b}.n{fill:#b3261e}.nt{fill:#fff;font-size:11px;font-weight:bold}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="20" y="28" font-size="18" font-weight="bold">A room imports only rooms on the floors below it</text>',
    ]
    tall = FLOOR * len(floors) - (FLOOR - BOX)
    drawn += _box("flows", 20, 50, LEFT - 40, tall, "side", "Prefect")
    drawn += _box("plugins", WIDTH - RIGHT + 20, 50, RIGHT - 40, tall, "side", "may import what is green")
    for number, floor in enumerate(floors):
        width = (WIDTH - LEFT - RIGHT) / len(floor)
        for place, room in enumerate(floor):
            kind = "public" if is_public(room) else "private"
            drawn += _box(room, LEFT + place * width + 4, 50 + number * FLOOR, width - 8, BOX, kind, "", purpose(room))
    top = 50 + FLOOR * len(floors) + 20
    drawn.append(
        f'<text x="20" y="{top}" font-size="14" font-weight="bold">The way of an event to a verified pin</text>'
    )
    half = (len(WAY) + 1) // 2
    for number, (said, _) in enumerate(WAY, 1):
        x, y = 30 + (number > half) * WIDTH / 2, top + 26 + ((number - 1) % half) * 24
        drawn += [*_badge(number, x, y - 5), f'<text x="{x + 16}" y="{y}" font-size="13">{html.escape(said)}</text>']
    return "\n".join([*drawn, "</svg>", ""])


def _box(
    room: str, x: float, y: float, width: float, height: float, kind: str, under: str, title: str = ""
) -> list[str]:
    middle = x + width / 2
    numbers = [number for number, (_, visited) in enumerate(WAY, 1) if room in visited]
    lines = [
        f"<g><title>{html.escape(title or under)}</title>",
        f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6"/>',
        f'<text x="{middle:.0f}" y="{y + height / 2 + 5:.0f}" font-size="14" text-anchor="middle">{room}</text>',
    ]
    if under:
        lines.append(
            f'<text x="{middle:.0f}" y="{y + height / 2 + 24:.0f}" font-size="11" text-anchor="middle">{under}</text>'
        )
    lines.append("</g>")
    for place, number in enumerate(numbers):
        lines += _badge(number, x + 12 + place * 22, y)
    return lines


def _badge(number: int, x: float, y: float) -> list[str]:
    return [
        f'<circle class="n" cx="{x:.0f}" cy="{y:.0f}" r="10"/>',
        f'<text class="nt" x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle">{number}</text>',
    ]


def table() -> str:
    """Each room, what it is for, and who may import it; from the top floor down."""
    rows = [
        f"| {number} | `{room}` | {purpose(room)} | {'plugins, too' if is_public(room) else 'the core and flows'} |"
        for number, floor in zip(range(len(rooms()), 0, -1), rooms(), strict=True)
        for room in floor
    ]
    return "\n".join(["| floor | room | what it is for | who may import it |", "|---|---|---|---|", *rows])


def importable() -> str:
    """What plugins may import, and what for; from the top floor down."""
    contract = _plugins_contract()
    rows = [f"| `retrust.{room}` | {purpose(room)} |" for floor in rooms() for room in floor if is_public(room)]
    named = [rule.rpartition(" -> ")[2] for rule in contract["ignore_imports"]]
    rows += [f"| `{module}` | {purpose(module.removeprefix('retrust.').replace('.', '/'))} |" for module in named]
    return "\n".join(["| folder or module | what for |", "|---|---|", *rows])


def described(page: str, name: str, text: str) -> str:
    """The page with its table of this name rewritten."""
    start, end = f"<!-- {name}: written by `make docs` -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.partition(start)
    return f"{before}{start}\n{text}\n\n{end}{rest.partition(end)[2]}"
