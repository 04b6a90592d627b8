"""From a template and its values to a page; escaping is on everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from retrust.inventory import format_duration
from retrust_plugins.console import picture
from retrust_plugins.console.context import HERE, Console
from retrust_plugins.console.reading import age, is_new, is_weak
from retrust_plugins.console.sessions import Visitor

GROUP = 8


def page(
    request: Request, name: str, status: int = 200, *, title: str, visitor: Visitor | None = None, **values: Any
) -> HTMLResponse:
    """``visitor`` None: a page for somebody who is not signed in."""
    console: Console = request.app.state.console
    csrf = console.sessions.seals.token("form", visitor.session or "") if visitor else ""
    text = _templates.get_template(name).render(
        title=title, visitor=visitor, csrf=csrf, path=request.url.path, **values
    )
    return HTMLResponse(console.clean(text), status)


def groups(fingerprint: str) -> Iterator[str]:
    """A fingerprint's hex in groups that an eye can follow; the prefix is the template's to write."""
    digits = fingerprint.removeprefix("SHA256:")
    return (digits[start : start + GROUP] for start in range(0, len(digits), GROUP))


def clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(groups=groups, clock=clock, age=age, duration=format_duration)
    made.tests.update(new=is_new, weak=is_weak)
    made.globals.update(drawing=picture)
    return made


_templates = _environment()
