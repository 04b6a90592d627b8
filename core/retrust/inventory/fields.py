"""The kinds of value an inventory is made of: hosts, ports, durations, paths, fingerprints, mail addresses.

Each says what is wrong in a sentence that never quotes the value: what stands in a wrong place may be a
secret. Site models of plugins use these types as the core's own models do.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    Strict,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from retrust.x509.hello import LARGEST_FILE, Hello, read_hello

__all__ = [
    "CertificateFingerprint",
    "Duration",
    "Email",
    "HelloFile",
    "Host",
    "HostKeys",
    "InventoryPath",
    "Port",
    "SshKeys",
    "StrictBool",
    "Text",
    "Texts",
    "format_duration",
    "is_address",
    "parse_duration",
    "wrong",
]


def wrong(text: str) -> PydanticCustomError:
    """The error of a validator; its text is shown as it stands, behind file, line and key."""
    return PydanticCustomError("wrong", "{text}", {"text": text})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be text")
    return value


def one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_one_or_many_schema = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
)

Text = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Strict(), Field(ge=1, le=65535)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(one_or_many), _one_or_many_schema]

# --- hosts ---------------------------------------------------------------------------------------------

_label = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host(value: Any) -> str:
    host = _text(value)
    if "/" in host:
        _not_a_host("not a URL or a network")
    if host.startswith("[") or (host.count(":") == 1):
        _not_a_host("without a port or brackets")
    if is_address(host) and "%" not in host:
        return host
    labels = host.split(".")
    if len(host) > 253 or labels[-1].isdigit() or not all(_label.fullmatch(label) for label in labels):
        _not_a_host(None)
    return host


def _not_a_host(why: str | None) -> NoReturn:
    raise wrong("must be an IP address or a DNS name" + (f", {why}" if why else ""))


Host = Annotated[
    str,
    BeforeValidator(_host),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[^/\s\[\]]+$", "description": "An IP address or a DNS name; no URL, no port."}
    ),
]

# --- durations -----------------------------------------------------------------------------------------

_units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_part = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_duration_pattern = r"^(\d+(\.\d+)?(ms|[smhdw]))+$"
_longest = timedelta(days=3660)


def parse_duration(value: Any) -> timedelta:
    """Seconds as a number, or text such as ``10m``, ``72h``, ``1h30m``, ``500ms``; at most ten years."""
    if isinstance(value, timedelta):
        found = value.total_seconds()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and re.fullmatch(_duration_pattern, value):
        found = sum(float(number) * _units[unit] for number, unit in _part.findall(value))
    else:
        raise wrong("must be a duration: seconds as a number, or text such as 30s, 10m, 72h, 1h30m or 7d")
    if not 0.001 <= found <= _longest.total_seconds():
        raise wrong("must be a duration above zero and below ten years")
    return timedelta(seconds=found)


def format_duration(duration: timedelta) -> str:
    """The shortest text that ``parse_duration`` reads back to the same duration, to the millisecond."""
    left = round(duration.total_seconds() * 1000)
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, round(_units[unit] * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _duration_pattern}],
            "description": "Seconds, or text such as 30s, 10m, 72h, 1h30m or 7d.",
        }
    ),
]

# --- files ---------------------------------------------------------------------------------------------


def _path(value: Any, info: ValidationInfo) -> Path:
    """Relative to the inventory's folder; whether there is such a file is seen when it is read."""
    if not isinstance(value, Path) and not _text(value).strip():
        raise wrong("must be a path")
    folder = (info.context or {}).get("folder")
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        raise wrong("names the home folder of nobody") from None
    return folder / path if folder else path


InventoryPath = Annotated[
    Path,
    BeforeValidator(_path),
    WithJsonSchema({"type": "string", "description": "A path; relative to the inventory's folder."}),
]


def _hello(value: Any, info: ValidationInfo) -> Hello:
    """Read with the inventory: a look that silently is not taken would be missed by nobody."""
    if isinstance(value, Hello):
        return value
    path = _path(value, info)
    if path.exists() and not path.is_file():
        raise wrong("must name a plain file")
    try:
        with path.open("rb") as file:
            return read_hello(file.read(LARGEST_FILE + 1))
    except OSError as exc:
        raise wrong(f"names a file that cannot be read: {exc.strerror or type(exc).__name__}") from exc
    except ValueError as exc:
        raise wrong(f"must name a file with a captured ClientHello: {exc}") from exc


HelloFile = Annotated[
    Hello,
    BeforeValidator(_hello),
    WithJsonSchema({"type": "string", "description": "A path; relative to the inventory's folder."}),
]

# --- fingerprints --------------------------------------------------------------------------------------

_host_key = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_hex_digest = re.compile(r"[0-9a-f]{64}")


def _bare_hex(text: str) -> str | None:
    """The digest in a certificate's fingerprint, however OpenSSL and browsers write it."""
    digest = re.sub(r"^sha-?256(:| fingerprint=)", "", text.strip().lower()).replace(":", "")
    return digest if _hex_digest.fullmatch(digest) else None


def _host_key_fingerprint(value: Any) -> str:
    text = _text(value)
    if _host_key.fullmatch(text):
        return text
    other = "; this is a certificate's fingerprint" if _bare_hex(text) else ""
    raise wrong(f"must be a host key's fingerprint as `ssh-keygen -l` prints it{other}")


def _certificate_fingerprint(value: Any) -> str:
    text = _text(value)
    digest = _bare_hex(text)
    if digest is None:
        other = "; this is an SSH host key's fingerprint" if _host_key.fullmatch(text) else ""
        raise wrong(f"must be a certificate's fingerprint, SHA256: and 64 hex digits{other}")
    return f"SHA256:{digest}"


HostKeys = Annotated[
    tuple[Annotated[str, BeforeValidator(_host_key_fingerprint)], ...],
    BeforeValidator(one_or_many),
    Field(min_length=1),
    _one_or_many_schema,
]
CertificateFingerprint = Annotated[
    str,
    BeforeValidator(_certificate_fingerprint),
    WithJsonSchema({"type": "string", "description": "SHA256: and the 64 hex digits of the certificate's digest."}),
]

# --- public keys ---------------------------------------------------------------------------------------

_key_kind = re.compile(
    r"ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|"
    r"sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com"
)


def _ssh_key(value: Any) -> str:
    """Its kind and its data; the comment behind them is no part of it."""
    kind, data = (*_text(value).split(), "", "")[:2]
    try:
        blob = base64.b64decode(data, validate=True)
    except ValueError:
        blob = b""
    if not _key_kind.fullmatch(kind) or blob[4 : 4 + len(kind)] != kind.encode():
        raise wrong("must be a public SSH key as a .pub file holds it, such as ssh-ed25519 AAAA…")
    return f"{kind} {data}"


SshKeys = Annotated[
    tuple[Annotated[str, BeforeValidator(_ssh_key)], ...], BeforeValidator(one_or_many), _one_or_many_schema
]

# --- mail ----------------------------------------------------------------------------------------------

_mail = re.compile(r"[^\s@,;<>\"]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def _email(value: Any) -> str:
    text = _text(value)
    if "," in text or ";" in text:
        raise wrong("must be one e-mail address; write several as a list")
    if not _mail.fullmatch(text) or ".." in text:
        raise wrong("must be an e-mail address, such as noc@example.com")
    return text


Email = Annotated[str, BeforeValidator(_email), WithJsonSchema({"type": "string", "pattern": r"^[^\s@,]+@[^\s@,]+$"})]
