"""Rendering: the templates, and widget ids that are never the same twice, as Dojo numbers them."""

from __future__ import annotations

import random
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Ids:
    """``ids("form_TextBox")`` is ``dijit_form_TextBox_<number>``, going up from a random start."""

    def __init__(self) -> None:
        self._numbers = count(random.randint(10, 9000))  # noqa: S311

    def __call__(self, widget: str) -> str:
        return f"dijit_{widget}_{next(self._numbers)}"


def render(template: str, **values: Any) -> HTMLResponse:
    text = _environment().get_template(template).render(ids=Ids(), **values)
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})
