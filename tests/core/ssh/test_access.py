"""How a node is reached, as an inventory gives it."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import SecretStr

from retrust.ssh import SshAccess

ACCESS = SshAccess("pi-1", "192.0.2.1", "admin", password=SecretStr("f1rst"), passphrase=SecretStr("s3cond"))


def test_no_form_of_it_shows_a_secret() -> None:
    """Neither what a log line says of it, nor what a traceback prints."""
    for form in (str(ACCESS), repr(ACCESS), f"{dataclasses.asdict(ACCESS)}"):
        assert "f1rst" not in form
        assert "s3cond" not in form


def test_people_are_told_user_address_and_port() -> None:
    """The port is told even where it is the usual one."""
    assert str(ACCESS) == "admin@192.0.2.1:22"


def test_nothing_of_the_user_counts_unless_given() -> None:
    """Without a word of it there are no keys, no agent and no known hosts: nothing is trusted by itself."""
    bare = SshAccess("pi-1", "192.0.2.1", "admin")
    assert (bare.key_file, bare.agent, bare.known_hosts, bare.host_keys, bare.password) == (None, None, None, (), None)


def test_nobody_changes_it_on_the_way() -> None:
    """Who is connected to is decided once."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ACCESS.address = "192.0.2.66"  # type: ignore[misc]
