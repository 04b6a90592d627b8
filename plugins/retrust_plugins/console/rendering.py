"""From a template and its values to a page; escaping is on everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from retrust.inventory import format_duration
from retrust_plugins.console import picture
from retrust_plugins.console.board import named
from retrust_plugins.console.context import HERE, Console
from retrust_plugins.console.reading import age, is_new, is_weak
from retrust_plugins.console.sessions import Visitor

GROUP = 8


def page(
    request: Request, name: str, status: int = 200, *, title: str, visitor: Visitor | None = None, **values: Any
) -> HTMLResponse:
    """``visitor`` None: a page for somebody who is not signed in. Our script asks for the part alone that changes."""
    console: Console = request.app.state.console
    csrf = console.sessions.seals.token("form", visitor.session or "") if visitor else ""
    values |= {"title": title, "visitor": visitor, "csrf": csrf, "path": request.url.path}
    template = _templates.get_template(name)
    part = template.blocks.get("part") if "x-part" in request.headers else None
    text = "".join(part(template.new_context(values))) if part else template.render(values)
    return HTMLResponse(console.clean(text), status)


def groups(fingerprint: str) -> Iterator[str]:
    """A fingerprint's hex in groups that an eye can follow; the prefix is the template's to write."""
    digits = fingerprint.removeprefix("SHA256:")
    return (digits[start : start + GROUP] for start in range(0, len(digits), GROUP))


def clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def when(at: datetime) -> Markup:
    """A time; our script shows it in the reader's zone, and UTC on hover."""
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), clock(at))


def ago(at: datetime) -> Markup:
    return Markup('<time class="ago" datetime="{}" title="{}">{}</time>').format(at.isoformat(), clock(at), age(at))


def coded(text: str) -> Markup:
    """What stands between backticks is something to type."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(text.split("`"))
    )


def bare(actor: str) -> str:
    """Who, as people say it."""
    return {"service": "Retrust"}.get(actor, actor.removeprefix("person:"))


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        groups=groups, when=when, ago=ago, bare=bare, coded=coded, named=named, duration=format_duration
    )
    made.tests.update(new=is_new, weak=is_weak)
    made.globals.update(drawing=picture)
    return made


_templates = _environment()
