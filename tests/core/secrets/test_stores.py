"""Secrets: references are safe to show, values are read when asked for and shown nowhere."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from retrust.errors import PermanentError, TemporaryError
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import SecretRef, Secrets, SecretStore

VALUE = "Sn4ke-Oil-77"


class Login(BaseModel):
    password: SecretRef


@pytest.fixture
def secrets() -> Secrets:
    return Secrets({}, Redactor())


async def failure(secrets: Secrets, ref: SecretRef) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        await secrets.get(ref)
    assert str(ref) in str(caught.value)
    assert VALUE not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert caught.value.__cause__ is None
    return caught.value


async def test_env(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:` is read each time it is asked for, and never before."""
    ref = SecretRef("env:RETRUST_TEST_PW")
    monkeypatch.delenv("RETRUST_TEST_PW", raising=False)
    assert "RETRUST_TEST_PW is not set" in str(await failure(secrets, ref))
    for value in (VALUE, "another"):
        monkeypatch.setenv("RETRUST_TEST_PW", value)
        assert (await secrets.get(ref)).get_secret_value() == value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"pw\n", "pw"),
        (b"pw\r\n", "pw"),
        (b"pw", "pw"),
        (b"pw\n\n", "pw\n"),
        (b" p w \n", " p w "),
        ("pä".encode(), "pä"),
    ],
)
async def test_file(secrets: Secrets, tmp_path: Path, content: bytes, value: str) -> None:
    """`file:` is the file's text without its last line end, and nothing else is stripped."""
    path = tmp_path / "pw"
    path.write_bytes(content)
    path.chmod(0o600)
    assert (await secrets.get(SecretRef(f"file:{path}"))).get_secret_value() == value


async def test_a_relative_file_is_the_inventory_s(
    secrets: Secrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is relative to the inventory's folder, wherever the process is."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "pw").write_text(VALUE)
    (tmp_path / "sub" / "pw").chmod(0o600)
    monkeypatch.chdir("/")
    ref = Login.model_validate({"password": "file:pw"}, context={"folder": tmp_path / "sub"}).password
    assert str(ref) == "file:pw"
    assert (await secrets.get(ref)).get_secret_value() == VALUE


async def test_files_that_are_no_secrets(secrets: Secrets, tmp_path: Path) -> None:
    """Missing, a folder, empty, binary, huge, writable by everyone: refused with the reason."""
    path = tmp_path / "pw"
    ref = SecretRef(f"file:{path}")
    assert "No such file" in str(await failure(secrets, ref))
    path.touch(mode=0o600)
    assert "is empty" in str(await failure(secrets, ref))
    path.write_bytes(b"\xff\xfe" + VALUE.encode())
    assert "not UTF-8" in str(await failure(secrets, ref))
    path.write_bytes(VALUE.encode() * 10000)
    assert "larger than" in str(await failure(secrets, ref))
    path.write_text(VALUE)
    path.chmod(0o602)
    error = await failure(secrets, ref)
    assert "written by everyone" in str(error)
    assert f"chmod 600 {path}" in str(error)
    assert "Is a directory" in str(await failure(secrets, SecretRef(f"file:{tmp_path}")))


async def test_a_pipe_is_not_waited_for(secrets: Secrets, tmp_path: Path) -> None:
    """A named pipe is refused at once: reading it would block the whole process."""
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in str(await failure(secrets, SecretRef(f"file:{tmp_path}/pipe")))


async def test_readable_by_everyone_is_warned_of(
    secrets: Secrets, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Container platforms mount secrets that way: it works, and the log says how to close it."""
    path = tmp_path / "pw"
    path.write_text(VALUE)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert (await secrets.get(SecretRef(f"file:{path}"))).get_secret_value() == VALUE
    assert f"chmod 600 {path}" in caplog.text
    assert VALUE not in caplog.text


class Vault(SecretStore):
    scheme = "vault"

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def read(self, rest: str) -> str:
        self.asked.append(rest)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_plugins_scheme() -> None:
    """A plugin's store is asked for what follows its scheme, and may be async."""
    vault = Vault(VALUE)
    found = await Secrets({"vault": vault}, Redactor()).get(SecretRef("vault:kv/pi#admin:x"))
    assert (found.get_secret_value(), vault.asked) == (VALUE, ["kv/pi#admin:x"])


async def test_a_store_that_fails_tells_no_value() -> None:
    """A foreign error is named by its type alone; the project's own errors pass, with the reference."""
    ref = SecretRef("vault:x")
    error = await failure(Secrets({"vault": Vault(ValueError(VALUE))}, Redactor()), ref)
    assert "ValueError" in str(error)
    assert "returned int" in str(await failure(Secrets({"vault": Vault(7)}, Redactor()), ref))
    with pytest.raises(TemporaryError, match="secret vault:x: sealed"):
        await Secrets({"vault": Vault(TemporaryError("sealed"))}, Redactor()).get(ref)


async def test_a_scheme_nobody_reads(secrets: Secrets) -> None:
    """The error names the schemes that are known."""
    assert "known: env, file" in str(await failure(secrets, SecretRef("vault:x")))


async def test_a_value_that_was_read_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its reading on, the redactor takes the value out of any text."""
    redactor = Redactor()
    monkeypatch.setenv("RETRUST_TEST_PW", VALUE)
    await Secrets({}, redactor).get(SecretRef("env:RETRUST_TEST_PW"))
    assert VALUE not in redactor.redact(f"login with {VALUE} failed")


async def test_values_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch, secrets: Secrets) -> None:
    """Neither repr, str, JSON nor the store's own state holds a value that was read."""
    monkeypatch.setenv("RETRUST_TEST_PW", VALUE)
    login = Login.model_validate({"password": "env:RETRUST_TEST_PW"})
    found = await secrets.get(login.password)
    shown = f"{login!r} {login} {login.model_dump()} {login.model_dump_json()} {found!r} {found} {vars(secrets)}"
    assert VALUE not in shown
    assert json.loads(login.model_dump_json()) == {"password": "env:RETRUST_TEST_PW"}


@given(st.text() | st.integers() | st.none() | st.lists(st.text()))
def test_only_references_are_accepted(value: Any) -> None:
    """Anything but a reference of a known scheme is refused, with the same words whatever it was."""
    try:
        ref = Login.model_validate({"password": value}).password
    except ValidationError as error:
        [detail] = error.errors()
        assert detail["msg"] == (
            "must be a reference, such as env:NAME or file:PATH, never the value itself; known: env, file"
        )
    else:
        assert ref.scheme in ("env", "file")


@pytest.mark.parametrize("text", ["env:A", "env:_a9", "file:/run/secrets/x", "file:~/pw", "file:a b"])
def test_references(text: str) -> None:
    """What is written is kept as it is."""
    assert str(Login.model_validate({"password": text}).password) == text


@pytest.mark.parametrize(
    "text", ["", "env:", "env:A-B", "env: A", "env:1A", "file:", "ENV:A", "pass:word", "a b:c", "env:A\nB", ":x"]
)
def test_no_references(text: str) -> None:
    """A literal that happens to hold a colon is no reference."""
    with pytest.raises(ValidationError):
        Login.model_validate({"password": text})
