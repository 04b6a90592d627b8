"""Secrets as references: what an inventory holds, and how a value is read at the moment it is used.

``SecretRef`` holds the reference's text and nothing else; ``Secrets.get`` reads the value, registers it
with the redactor and hands it out as ``SecretStr``. ``env:`` and ``file:`` are built in, other schemes come
from plugins (``retrust_secret_stores``). Nothing here keeps a value, and no error or repr holds one.
Removing values from text is ``retrust.secrets.redaction``'s.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import re
import stat
from abc import abstractmethod
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from pydantic_core import PydanticCustomError, core_schema

from retrust.errors import PermanentError, RetrustError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

    from retrust.secrets.redaction import Redactor

BUILT_IN = ("env", "file")
PATTERN = r"^[a-z][a-z0-9-]*:\S"
LARGEST_FILE = 64 * 1024

_shape = re.compile(r"([a-z][a-z0-9-]*):(\S.*)")
_env_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SecretRef:
    """A reference such as ``env:PI_PASSWORD``; safe to print, since it is not the secret.

    ``text`` is as written; ``folder`` is the inventory's, to which a relative ``file:`` is relative.
    """

    text: str
    folder: Path | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def scheme(self) -> str:
        return self.text.partition(":")[0]

    @property
    def rest(self) -> str:
        """What the store is asked for; of ``file:`` the absolute path."""
        rest = self.text.partition(":")[2]
        if self.scheme != "file":
            return rest
        path = Path(rest).expanduser()
        return str(self.folder / path if self.folder else path.absolute())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": PATTERN,
            "title": "Secret reference",
            "description": "A reference to a secret, never the secret itself: env:NAME, file:PATH, or a "
            "scheme that a plugin adds.",
            "examples": ["env:PI_PASSWORD", "file:/run/secrets/pi-password"],
        }


def _validate(value: Any, info: core_schema.ValidationInfo) -> SecretRef:
    """A literal is refused without being quoted; so is a scheme nobody reads, as ``pass:word`` is one."""
    if isinstance(value, SecretRef):
        return value
    context = info.context or {}
    schemes = sorted({*BUILT_IN, *context.get("schemes", ())})
    found = _shape.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1] not in schemes or (found[1] == "env" and not _env_name.fullmatch(found[2])):
        raise PydanticCustomError(
            "secret",
            "must be a reference, such as env:NAME or file:PATH, never the value itself; known: {schemes}",
            {"schemes": ", ".join(schemes)},
        )
    assert isinstance(value, str)
    return SecretRef(value, context.get("folder"))


def references(part: Any) -> Iterator[SecretRef]:
    """Every secret that a part of an inventory refers to."""
    if isinstance(part, SecretRef):
        yield part
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from references(value)
    elif hasattr(part, "model_fields_set"):
        yield from references(vars(part))


class SecretStore:
    """What reads the references of one scheme. ``read`` gets the text after ``scheme:``; it may be async."""

    scheme: str

    @abstractmethod
    def read(self, rest: str) -> str | Awaitable[str]:
        """The value; raise ``PermanentError`` or ``TemporaryError`` that say why not, without any value."""
        ...


class EnvStore(SecretStore):
    scheme = "env"

    def read(self, rest: str) -> str:
        try:
            return os.environ[rest]
        except KeyError:
            raise PermanentError(
                f"the environment variable {rest} is not set",
                hint="set it for the user that Retrust runs as, and for the service",
            ) from None


class FileStore(SecretStore):
    """A file's text without its last line end.

    Readable by everyone is warned of and accepted, since that is how container platforms mount secrets;
    writable by everyone is refused, since then anyone may choose the value.
    """

    scheme = "file"

    def read(self, rest: str) -> str:
        path = Path(rest)
        try:
            with open(path, "rb", opener=_at_once) as file:
                self._check(path, os.fstat(file.fileno()))
                return _text(path, file.read(LARGEST_FILE + 1))
        except OSError as exc:
            raise PermanentError(
                f"{path} cannot be read: {exc.strerror}", hint="the user that Retrust runs as must be able to read it"
            ) from None

    def _check(self, path: Path, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise PermanentError(f"{path} is not a regular file")
        if os.name != "posix":
            return
        if status.st_mode & stat.S_IWOTH:
            raise PermanentError(f"{path} can be written by everyone", hint=f"chmod 600 {path}")
        if status.st_mode & stat.S_IROTH:
            _log.warning("the secret file %s can be read by everyone; chmod 600 %s", path, path)


def _at_once(path: str, flags: int) -> int:
    """Opening a named pipe would wait for its writer, and the whole process with it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _text(path: Path, content: bytes) -> str:
    if len(content) > LARGEST_FILE:
        raise PermanentError(f"{path} is larger than {LARGEST_FILE} bytes, so it is no secret")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise PermanentError(f"{path} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


class Secrets:
    """Every store by its scheme; values are read when asked for and kept nowhere but in the redactor."""

    def __init__(self, stores: Mapping[str, SecretStore], redactor: Redactor) -> None:
        self._stores: dict[str, SecretStore] = {"env": EnvStore(), "file": FileStore(), **stores}
        self._redactor = redactor

    async def get(self, ref: SecretRef) -> SecretStr:
        """The value now; an error names the reference and never the value."""
        store = self._stores.get(ref.scheme)
        if store is None:
            raise PermanentError(
                f"no plugin reads {ref.scheme}: references",
                where=f"secret {ref}",
                hint=f"known: {', '.join(sorted(self._stores))}",
            )
        value = await _read(store, ref)
        if not value:
            raise PermanentError("is empty", where=f"secret {ref}")
        self._redactor.add(value)
        return SecretStr(value)

    async def unreadable(self, part: Any) -> list[RetrustError]:
        """One error for each secret that a part of an inventory refers to and that cannot be read."""
        tried = await asyncio.gather(*map(self.get, dict.fromkeys(references(part))), return_exceptions=True)
        for error in tried:
            if isinstance(error, BaseException) and not isinstance(error, RetrustError):
                raise error
        found = [error for error in tried if isinstance(error, RetrustError)]
        for error in found:
            error.hint = error.hint or "correct what it refers to, or the reference in the inventory"
        return found


async def _read(store: SecretStore, ref: SecretRef) -> str:
    """A store's foreign error is named by its type alone: its text may hold what was read."""
    try:
        found = store.read(ref.rest)
        value = await found if inspect.isawaitable(found) else found
    except RetrustError as exc:
        exc.where = f"secret {ref}"
        raise
    except Exception as exc:
        raise PermanentError(f"its store failed with {type(exc).__name__}", where=f"secret {ref}") from None
    if not isinstance(value, str):
        raise PermanentError(f"its store returned {type(value).__name__}, not text", where=f"secret {ref}")
    return value
