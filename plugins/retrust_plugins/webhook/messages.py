"""What a body means: CloudEvents in both modes, or plain JSON by the settings' paths. Pure, but for secrets none.

Two types of CloudEvents are read, ``retrust.log.signature`` (``text``, ``site``, ``holder``) and
``retrust.certificate.renewed`` (``site``, ``node``, and ``fingerprint`` or ``certificate``); any other type is
read by the settings' paths, as plain JSON is.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from retrust_plugins.webhook.settings import Mapping as Paths
from retrust_plugins.webhook.settings import WebhookSettings
from retrust_plugins.webhook.standing import is_off

LOG, RENEWED = "retrust.log.signature", "retrust.certificate.renewed"


class Unreadable(Exception):
    """Why a body means nothing here; the sender is told."""


@dataclass(frozen=True)
class Message:
    """One event. A renewal has a fingerprint or a certificate, anything else a text."""

    text: str | None = None
    time: str | None = None
    site: str | None = None
    holder: str | None = None
    node: str | None = None
    fingerprint: str | None = None
    certificate: str | None = None
    id: str | None = None

    @property
    def renews(self) -> bool:
        return self.fingerprint is not None or self.certificate is not None


def read(settings: WebhookSettings, headers: Mapping[str, str], body: bytes) -> list[Message]:
    """The events in a request, none where all of its alerts are over; ``Unreadable`` where it means nothing here."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    kind, charset = kind.strip().lower(), _charset(parameters)
    if kind.startswith("application/cloudevents-batch"):
        events = [_object(event) for event in _list(_json(body, charset))]
        return [m for event in events for m in _cloud_event(settings, event, _data_of(event))]
    if kind.startswith("application/cloudevents"):
        event = _object(_json(body, charset))
        return _cloud_event(settings, event, _data_of(event))
    if "ce-type" in headers or "ce-specversion" in headers:
        event = {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}
        return _cloud_event(settings, event, _data(kind, body, charset))
    delivery = headers.get(settings.delivery.lower()) if settings.delivery else None
    return _delivered(_plain(settings, _json(body, charset)), delivery)


def _charset(parameters: str) -> str:
    """The body's encoding; UTF-8 where none is named, or one that nobody knows."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            with suppress(LookupError, ValueError):
                return codecs.lookup(value.strip().strip('"')).name
    return "utf-8"


def _data_of(event: dict[str, Any]) -> Any:
    """A structured event's data; binary one is in Base64, and is text or JSON as its type says."""
    encoded = event.get("data_base64")
    if encoded is None:
        return event.get("data")
    try:
        raw = base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Unreadable("its data_base64 is no Base64") from exc
    kind, _, parameters = str(event.get("datacontenttype") or "").partition(";")
    return _data(kind.strip().lower(), raw, _charset(parameters))


def _cloud_event(settings: WebhookSettings, event: dict[str, Any], data: Any) -> list[Message]:
    if not all(isinstance(event.get(name), str) and event[name] for name in ("id", "source", "type", "specversion")):
        raise Unreadable("a CloudEvent has id, source, type and specversion")
    if event["specversion"] != "1.0":
        raise Unreadable(f"it is of specversion {event['specversion'][:20]!r}; 1.0 is read here")
    id_ = f"{event['source']} {event['id']}"
    match event["type"]:
        case t if t == LOG:
            text = data if isinstance(data, str) else _text(_object(data), "text")
            given = {} if isinstance(data, str) else _object(data)
            return [
                Message(
                    text=text,
                    time=_maybe(event, "time"),
                    site=_maybe(given, "site"),
                    holder=_maybe(given, "holder"),
                    id=id_,
                )
            ]
        case t if t == RENEWED:
            return [_renewal(_object(data), id_)]
    return _delivered(_plain(settings, data), id_)


def _delivered(messages: list[Message], id_: str | None) -> list[Message]:
    """Those without an id of their own are known by the delivery's."""
    return [m if m.id or id_ is None else replace(m, id=f"{id_} {n}") for n, m in enumerate(messages)]


def _renewal(data: dict[str, Any], id_: str) -> Message:
    fingerprint, certificate = _maybe(data, "fingerprint"), _maybe(data, "certificate")
    if (fingerprint is None) == (certificate is None):
        raise Unreadable("a renewal names its fingerprint or its certificate")
    return Message(
        site=_maybe(data, "site"), node=_text(data, "node"), fingerprint=fingerprint, certificate=certificate, id=id_
    )


def _plain(settings: WebhookSettings, body: Any) -> list[Message]:
    paths = settings.map
    if paths is None:
        raise Unreadable("this door reads CloudEvents; plain JSON needs `map` in its settings")
    items = _at(body, paths.items) if paths.items else body
    listed = items if isinstance(items, list) else [items]
    above = is_off(body) if paths.items and isinstance(body, dict) else None
    on = [item for item in listed if not _ended(paths, item, above)]
    found = [message for item in on for message in _mapped(paths, item)]
    if on and not found:
        raise Unreadable("it holds nothing that `map` finds")
    return found


def _ended(paths: Paths, item: Any, above: bool | None) -> bool:
    """Whether this alert is over: as it says itself, else as what holds it says."""
    own = is_off(item, _string(_at(item, paths.state)) if paths.state else None, paths.off)
    return bool(above if own is None else own)


def _mapped(paths: Paths, item: Any) -> Iterator[Message]:
    """What the paths find; nothing where they find neither a text nor a renewal."""
    names = ("text", "time", "site", "holder", "node", "fingerprint", "certificate", "id")
    found = {name: _string(_at(item, path)) for name in names if (path := getattr(paths, name)) is not None}
    message = Message(**{name: value for name, value in found.items() if value is not None})
    if message.renews and message.node is None:
        raise Unreadable("a renewal names its node")
    if message.renews or message.text is not None:
        yield message


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _string(value: Any) -> str | None:
    if isinstance(value, list):
        return "\n".join(str(part) for part in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _data(kind: str, body: bytes, charset: str) -> Any:
    if kind in ("application/json", "text/json", "") or kind.endswith("+json"):
        return _json(body, charset)
    try:
        return body.decode(charset, errors="replace")
    except (LookupError, ValueError) as exc:  # Python's codecs are not all of text
        raise Unreadable(f"its charset {charset} is none of text") from exc


def _json(body: bytes, charset: str = "utf-8") -> Any:
    try:
        return json.loads(body.decode(charset if charset != "utf-8" else json.detect_encoding(body)))
    except (LookupError, ValueError, RecursionError) as exc:
        raise Unreadable("it is no JSON") from exc


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable("a batch is a list")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable("it is no JSON object")
    return value


def _text(data: dict[str, Any], name: str) -> str:
    if not isinstance(data.get(name), str) or not data[name]:
        raise Unreadable(f"{name} is missing, or no text")
    return str(data[name])


def _maybe(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"{name} is no text")
    return value or None
