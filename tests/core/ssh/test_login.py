"""Host keys before passwords, a password once, and one TCP connection in the ordinary case."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from pydantic import SecretStr

from retrust.errors import ChangedIdentity, InventoryError, PermanentError, Refused, TemporaryError
from retrust.ssh import PasswordRefused, SshAccess, Transcript, connect
from retrust.testing import FakeHost, host_key

ED25519, ECDSA, RSA = host_key("ssh-ed25519"), host_key("ecdsa-sha2-nistp256"), host_key("ssh-rsa")
OTHER = host_key("ssh-ed25519", "other")
Access = Callable[..., SshAccess]


@pytest.mark.parametrize(
    ("keys", "named", "connections"),
    [
        ((ED25519,), (ED25519,), 1),
        ((RSA,), (RSA,), 1),
        ((ED25519, ECDSA, RSA), (ED25519,), 1),
        ((ED25519, ECDSA, RSA), (ECDSA,), 2),
        ((ED25519, ECDSA, RSA), (RSA,), 3),
        ((ED25519, RSA), (OTHER, RSA), 2),
    ],
)
async def test_a_server_is_asked_for_the_named_key(
    keys: tuple[asyncssh.SSHKey, ...], named: tuple[asyncssh.SSHKey, ...], connections: int, access_to: Access
) -> None:
    """The named one of several keys is found, and asked for at once the next time."""
    async with FakeHost(keys=keys) as host:
        access = access_to(host, host_keys=tuple(key.get_fingerprint() for key in named))
        async with connect(access):
            assert host.connections == connections
        async with connect(access):
            assert host.connections == connections + 1
        assert host.auth_attempts == host.logins == 2


@pytest.mark.parametrize("keys", [(ED25519,), (ED25519, ECDSA, RSA)])
async def test_a_changed_key_is_refused_before_any_login(keys: tuple[asyncssh.SSHKey, ...], access_to: Access) -> None:
    """Both fingerprints are named, the exit code is 4, and the server saw no attempt to log in."""
    async with FakeHost(keys=keys) as host:
        with pytest.raises(ChangedIdentity, match="primary: the host key changed") as caught:
            async with connect(access_to(host, host_keys=(OTHER.get_fingerprint(),))):
                pass
        assert (caught.value.kind, caught.value.exit_code) == ("host key", 4)
        assert caught.value.expected == (OTHER.get_fingerprint(),)
        assert caught.value.presented == ED25519.get_fingerprint()
        assert all(print_ in str(caught.value) for print_ in host.fingerprints)
        assert host.connections == len(keys) + 1  # the last one shows that there is no other
        assert host.auth_attempts == 0


@pytest.mark.parametrize("hashed", [False, True])
async def test_a_known_hosts_file_is_believed(hashed: bool, tmp_path: Path, access_to: Access) -> None:
    """Plain and for the port, one connection, whichever of the server's keys the file names."""
    async with FakeHost(keys=(ED25519, RSA)) as host:
        file = tmp_path / "known_hosts"
        lines = host.known_hosts().splitlines()
        file.write_text("# ours\n" + (lines[1] if hashed else host.known_hosts()) + "\n")
        async with connect(access_to(host, host_keys=(), known_hosts=file)):
            assert host.connections == 1


@pytest.mark.parametrize("changed", [OTHER, ECDSA])
async def test_a_key_that_known_hosts_does_not_name_is_a_change(
    changed: asyncssh.SSHKey, tmp_path: Path, access_to: Access
) -> None:
    """Another key of the type named, or a key of another type alone: refused, no login seen."""
    async with FakeHost(keys=(changed,)) as host:
        file = tmp_path / "known_hosts"
        file.write_text(f"[127.0.0.1]:{host.port} {ED25519.export_public_key().decode()}")
        with pytest.raises(ChangedIdentity) as caught:
            async with connect(access_to(host, host_keys=(), known_hosts=file)):
                pass
        assert caught.value.expected == (ED25519.get_fingerprint(),)
        assert caught.value.presented == changed.get_fingerprint()
        assert host.auth_attempts == 0


async def test_a_key_under_another_name_is_found(tmp_path: Path, access_to: Access) -> None:
    """``host`` is looked up where SSH is reached at another address."""
    async with FakeHost() as host:
        file = tmp_path / "known_hosts"
        file.write_text(f"prime-pri {ED25519.export_public_key().decode()}")
        async with connect(access_to(host, host_keys=(), known_hosts=file, host="prime-pri")):
            assert host.logins == 1


@pytest.mark.parametrize(
    ("named_ca", "principal", "error"),
    [
        ("ca", "127.0.0.1", None),
        ("another ca", "127.0.0.1", ChangedIdentity),
        ("ca", "prime-sec", Refused),
    ],
)
async def test_a_certificate_authority_in_known_hosts(
    named_ca: str, principal: str, error: type[Exception] | None, tmp_path: Path, access_to: Access
) -> None:
    """A host certificate counts when the named authority signed it for this very host."""
    file = tmp_path / "known_hosts"
    async with FakeHost(authority=host_key("ssh-ed25519", "ca"), principals=[principal]) as host:
        authority = host_key("ssh-ed25519", named_ca).export_public_key().decode()
        file.write_text(f"@cert-authority [127.0.0.1]:{host.port} {authority}")
        access = access_to(host, host_keys=(), known_hosts=file)
        if error is None:
            async with connect(access):
                assert (host.connections, host.logins) == (1, 1)
            return
        with pytest.raises(error):
            async with connect(access):
                pass
        assert host.auth_attempts == 0


async def test_an_authority_without_a_certificate_is_a_change(tmp_path: Path, access_to: Access) -> None:
    """A host that has no certificate is told with the key that it shows instead."""
    file = tmp_path / "known_hosts"
    async with FakeHost() as host:
        file.write_text(f"@cert-authority * {OTHER.export_public_key().decode()}")
        with pytest.raises(ChangedIdentity) as caught:
            async with connect(access_to(host, host_keys=(), known_hosts=file)):
                pass
        assert caught.value.presented == ED25519.get_fingerprint()
        assert host.auth_attempts == 0


async def test_a_revoked_key_is_refused_even_if_named(tmp_path: Path, access_to: Access) -> None:
    """``@revoked`` in known_hosts outranks the inventory's fingerprint."""
    file = tmp_path / "known_hosts"
    async with FakeHost() as host:
        file.write_text(f"@revoked * {ED25519.export_public_key().decode()}")
        with pytest.raises(Refused, match="revoked"):
            async with connect(access_to(host, known_hosts=file)):
                pass
        assert host.auth_attempts == 0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"host_keys": ()}, "set host_key or known_hosts"),
        ({"host_keys": ("MD5:aa:bb",)}, "is no host key fingerprint"),
        ({"host_keys": (), "known_hosts": Path("nowhere")}, "cannot read nowhere"),
        ({"key_file": Path("nowhere")}, "cannot prepare the SSH login"),
    ],
)
async def test_an_inventory_that_cannot_verify_connects_nowhere(
    changes: dict[str, object], text: str, access_to: Access
) -> None:
    """There is no connection without something to verify it against."""
    async with FakeHost() as host:
        with pytest.raises(InventoryError, match=text):
            async with connect(access_to(host, **changes)):
                pass
        assert host.connections == 0


async def test_a_known_hosts_file_without_the_host_says_so(tmp_path: Path, access_to: Access) -> None:
    """An empty file is a wrong inventory, not a changed key, and never falls back to the user's own file."""
    file = tmp_path / "known_hosts"
    file.write_text("")
    async with FakeHost() as host:
        with pytest.raises(InventoryError, match=r"names no key of 127\.0\.0\.1"):
            async with connect(access_to(host, host_keys=(), known_hosts=file)):
                pass
        assert host.connections == 0


@pytest.mark.parametrize(
    "methods",
    [
        ["password"],
        ["keyboard-interactive"],
        ["password", "keyboard-interactive"],
    ],
)
async def test_a_wrong_password_is_tried_exactly_once(methods: list[str], access_to: Access) -> None:
    """Whatever methods the server offers, it counts one failed login; node and user are named."""
    async with FakeHost(authentication=methods) as host:
        with pytest.raises(PasswordRefused, match="primary: the password of admin was refused") as caught:
            async with connect(access_to(host, password=SecretStr("Wr0ng-one"))):
                pass
        assert (host.failed_logins, host.logins, host.connections) == (1, 0, 1)
        assert isinstance(caught.value, PermanentError)
        assert caught.value.username == "admin"
        assert "Wr0ng" not in f"{caught.value}{caught.value.__cause__}"


async def test_an_expired_password_is_told_and_not_changed(access_to: Access) -> None:
    """The server's request for a new password is quoted; it is no refusal to be tried again."""
    async with FakeHost(expired=True) as host:
        with pytest.raises(PasswordRefused, match="Your password has expired"):
            async with connect(access_to(host)):
                pass
        assert host.logins == 0


async def test_no_way_to_log_in_is_told(access_to: Access) -> None:
    """Without a password nothing is tried with one."""
    async with FakeHost() as host:
        with pytest.raises(PermanentError, match="no way to log in"):
            async with connect(access_to(host, password=None)):
                pass
        assert host.failed_logins == 0


async def test_a_reset_before_the_login_is_tried_again(access_to: Access) -> None:
    """A server that sheds load drops connections before it says anything."""
    async with FakeHost(resets=2) as host, connect(access_to(host)):
        assert (host.connections, host.logins) == (3, 1)


async def test_resets_without_end_are_temporary(access_to: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few tries the node is named, and nothing was logged in."""
    monkeypatch.setattr("retrust.ssh.login.RESETS", 3)  # of which each one waits twice as long as the one before
    async with FakeHost(resets=1000) as host:
        with pytest.raises(TemporaryError, match="primary: the SSH server ends connections"):
            async with connect(access_to(host)):
                pass
        assert 3 <= host.connections <= 10
        assert host.auth_attempts == 0


async def test_two_logins_at_a_time_and_no_more(access_to: Access) -> None:
    """Twelve sessions at one host queue for its login, and all get in."""
    async with FakeHost() as host:

        async def once() -> None:
            async with connect(access_to(host)):
                pass

        await asyncio.gather(*(once() for _ in range(12)))
        assert host.logins == host.connections == 12
        assert host.logins_at_once <= 2


@asynccontextmanager
async def _mute(hang_up: bool) -> AsyncIterator[int]:
    """A TCP server that says nothing at all, or hangs up at once."""
    held: list[asyncio.StreamWriter] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        if hang_up:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for writer in held:
            writer.close()
            await writer.wait_closed()


async def test_a_server_that_says_nothing_is_temporary(access_to: Access) -> None:
    """The limit of a login holds for silence too."""
    async with _mute(hang_up=False) as port:
        access = replace(access_to(FakeHost()), port=port)
        with pytest.raises(TemporaryError, match=r"primary: no SSH login .* within 0\.2 s"):
            async with connect(access, timeout=0.2):
                pass


async def test_an_unreachable_node_is_temporary_and_named(access_to: Access) -> None:
    """A closed port is not tried again and again."""
    async with _mute(hang_up=True) as port:
        pass
    access = replace(access_to(FakeHost()), port=port)
    with pytest.raises(TemporaryError, match=r"primary: SSH at admin@127\.0\.0\.1:.* is not reachable"):
        async with connect(access):
            pass


async def test_the_users_own_files_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, access_to: Access
) -> None:
    """A home folder with another port, user, key and known host leads nowhere else."""
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "config").write_text(
        "Host *\n  Port 1\n  User nobody\n  ProxyCommand false\n  HostKeyAlias other\n"
        "  PreferredAuthentications publickey\n"
    )
    OTHER.write_private_key(ssh / "id_ed25519")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "no-agent"))
    async with FakeHost() as host:
        (ssh / "known_hosts").write_text(f"* {OTHER.export_public_key().decode()}")
        async with connect(access_to(host)):
            assert host.logins == 1
        (ssh / "known_hosts").write_text(f"* {ED25519.export_public_key().decode()}")
        with pytest.raises(ChangedIdentity):
            async with connect(access_to(host, host_keys=(OTHER.get_fingerprint(),))):
                pass


async def test_the_transcript_tells_of_the_login_without_its_password(access_to: Access) -> None:
    """The password is registered for masking before anything is sent, and the banner is kept."""
    transcript = Transcript()
    async with (
        FakeHost(banner="Authorised use only. Pa55-word!\n") as host,
        connect(access_to(host), transcript=transcript),
    ):
        pass
    assert "Authorised use only." in str(transcript)
    assert "logged in as admin@127.0.0.1" in str(transcript)
    assert "Pa55" not in str(transcript)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256"], "ecdh-sha2-nistp256"),
        (
            ["diffie-hellman-group-exchange-sha256", "curve25519-sha256", "ecdh-sha2-nistp256"],
            "curve25519-sha256",
        ),
    ],
)
async def test_the_cheapest_key_exchange_is_chosen(
    offered: list[str], chosen: str, access_to: Access, caplog: pytest.LogCaptureFixture
) -> None:
    """Group exchange blocks the event loop, so it comes last; the cipher is AES-GCM."""
    caplog.set_level(logging.DEBUG, logger="asyncssh")
    asyncssh.set_debug_level(2)
    try:
        async with FakeHost(kex_algs=offered) as host, connect(access_to(host)):
            pass
    finally:
        asyncssh.set_debug_level(1)
    lines = caplog.text.splitlines()
    assert any(line.endswith(f"Key exchange alg: {chosen}") for line in lines)
    assert any(line.endswith("Encryption alg: aes128-gcm@openssh.com") for line in lines)
