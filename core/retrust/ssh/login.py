"""Logging in: one TCP connection in the ordinary case, the host key verified, the password sent at most once.

Which keys are trusted is decided in ``hostkeys``. All of asyncssh's errors at login are translated here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import asyncssh

from retrust.errors import InventoryError, PermanentError, Refused, RetrustError, TemporaryError
from retrust.ssh.access import SshAccess
from retrust.ssh.errors import PasswordRefused
from retrust.ssh.hostkeys import CERTIFICATE, Asking, Trusted, trusted
from retrust.ssh.transcript import Transcript

LOGINS_AT_ONCE = 2  # sshd's MaxStartups resets more than a few of one client
RESETS = 6  # tries in all where the server resets before it has seen a password
# Ordered by cost; group exchange blocks the loop for half a second: only where nothing else is offered.
_KEX = (
    "*25519-*,ecdh-sha2-nistp*,diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,"
    "diffie-hellman-group18-sha512,diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha256"
)
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
_ASKS_PASSWORD = re.compile(r"passwor|kennwort|contraseña|mot de passe", re.IGNORECASE)
_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[tuple[str, int], asyncio.Semaphore]] = (
    WeakKeyDictionary()
)


async def log_in(access: SshAccess, transcript: Transcript, timeout: float) -> asyncssh.SSHClientConnection:
    """A verified, authenticated connection within ``timeout`` (s), after any wait for our other logins."""
    if access.password is not None:
        transcript.redactor.add(access.password)
    if access.passphrase is not None:
        transcript.redactor.add(access.passphrase)
    if logging.getLogger("asyncssh").level == logging.NOTSET:
        asyncssh.set_log_level(logging.WARNING)  # it would report every connection and channel
    login = _Login(access, trusted(access), transcript)
    async with _slot(access):
        try:
            async with asyncio.timeout(timeout):
                return await login.run()
        except TimeoutError as exc:
            raise login.too_slow(timeout) from exc


def _slot(access: SshAccess) -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    hosts = _slots.setdefault(loop, defaultdict(lambda: asyncio.Semaphore(LOGINS_AT_ONCE)))
    return hosts[access.address, access.port]


class _Client(asyncssh.SSHClient):
    """What asyncssh asks us during one login, and what it came to."""

    def __init__(self, access: SshAccess, trust: Trusted, transcript: Transcript) -> None:
        self._access, self._trust, self._transcript = access, trust, transcript
        self._connection: asyncssh.SSHClientConnection | None = None
        self.accepted: str | None = None  # the type of the host key
        self.refused: tuple[str, str] | None = None  # type and fingerprint of a host key that is not trusted
        self.password_sent = False
        self.asked: str | None = None  # what the login asked beside the password

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    @property
    def greeted(self) -> bool:
        """Whether the server sent its version: a reset before that is one of load, not of disagreement."""
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._judge(key.get_algorithm(), key.get_fingerprint(), self._trust.fingerprints)

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._judge(CERTIFICATE, key.get_fingerprint(), self._trust.authorities)

    def _judge(self, kind: str, fingerprint: str, accepted: frozenset[str]) -> bool:
        if fingerprint in accepted:
            self.accepted = kind
            return True
        self.refused = (kind, fingerprint)
        return False

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self._transcript.add(self._access.node, "received", msg)

    def password_auth_requested(self) -> str | None:
        if self._access.password is None or self.password_sent:
            return None
        self.password_sent = True
        return self._access.password.get_secret_value()

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        self.asked = prompt or "a new password"
        return NotImplemented

    def kbdint_auth_requested(self) -> str | None:
        return None if self._access.password is None or self.password_sent else ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        if not prompts:
            return []
        if len(prompts) == 1 and not prompts[0][1] and _ASKS_PASSWORD.search(prompts[0][0]):
            password = self.password_auth_requested()
            if password is not None:
                return [password]
        self.asked = " ".join(prompt.strip() for prompt, _ in prompts)
        return None


class _Login:
    def __init__(self, access: SshAccess, trust: Trusted, transcript: Transcript) -> None:
        self._access, self._trust, self._transcript = access, trust, transcript
        self._asking = Asking(trust, (access.address, access.port))
        self._options = self._prepare()
        self._client = _Client(access, trust, transcript)

    async def run(self) -> asyncssh.SSHClientConnection:
        resets = 0
        while True:
            try:
                return await self._try_once()
            except asyncssh.HostKeyNotVerifiable as exc:
                if self._client.refused is None:
                    raise self._not_valid(exc) from exc
                self._asking.refused(*self._client.refused)
            except (asyncssh.ConnectionLost, ConnectionResetError, BrokenPipeError) as exc:
                if self._client.password_sent:
                    raise self._translated(exc) from exc
                if self._client.greeted and self._asking.narrowed and self._client.accepted is None:
                    self._asking.missing()  # OpenSSH hangs up where no type of key is common
                    continue
                resets += 1
                if resets == RESETS:
                    raise self._translated(exc) from exc
                await asyncio.sleep(0.1 * 2**resets * random.uniform(0.5, 1))  # noqa: S311 - jitter
            except asyncssh.KeyExchangeFailed as exc:
                if "No matching" in exc.reason:  # kex or cipher, which asking for other keys does not change
                    raise self._translated(exc) from exc
                self._asking.missing()
            except (OSError, asyncssh.Error) as exc:
                raise self._translated(exc) from exc

    async def _try_once(self) -> asyncssh.SSHClientConnection:
        client = self._client = _Client(self._access, self._trust, self._transcript)
        connection = await asyncssh.connect(
            self._access.address,
            self._access.port,
            options=self._options,
            config=None,
            client_factory=lambda: client,
            server_host_key_algs=self._asking.algorithms,
        )
        assert client.accepted is not None
        self._asking.worked(client.accepted)
        self._transcript.add(self._access.node, "note", f"logged in as {self._access}")
        return connection

    def _prepare(self) -> asyncssh.SSHClientConnectionOptions:
        """Nothing of the user's own configuration, keys or agent counts unless the inventory names it."""
        access = self._access
        with _wrong_inventory(access):
            return asyncssh.SSHClientConnectionOptions(
                config=None,
                username=access.username,
                known_hosts=([], [], list(self._trust.revoked)),
                host_key_alias=access.host,
                x509_trusted_certs=None,
                x509_trusted_cert_paths=[],
                client_keys=[str(access.key_file)] if access.key_file else None,
                passphrase=access.passphrase.get_secret_value() if access.passphrase else None,
                agent_path=str(access.agent) if access.agent else None,
                pkcs11_provider=None,
                gss_host=None,
                gss_kex=False,
                gss_auth=False,
                host_based_auth=False,
                preferred_auth="publickey,password,keyboard-interactive",
                public_key_auth=bool(access.key_file or access.agent),
                kex_algs=_KEX,
                encryption_algs=_CIPHERS,
                compression_algs=None,
                keepalive_interval=30,
                keepalive_count_max=4,
                login_timeout=0,
            )

    def _not_valid(self, exc: asyncssh.HostKeyNotVerifiable) -> Refused:
        """A revoked key, or a certificate of the right authority that is for another name or time."""
        return Refused(
            f"the SSH host key is not valid: {exc.reason}",
            where=self._access.node,
            hint="no password was sent; compare it out of band",
        )

    def too_slow(self, timeout: float) -> TemporaryError:
        sent = "; the password was sent once" if self._client.password_sent else ""
        return TemporaryError(
            f"no SSH login at {self._access} within {timeout:g} s{sent}",
            where=self._access.node,
            hint="check that the node is up and not overloaded",
        )

    def _translated(self, exc: Exception) -> RetrustError:
        access, client = self._access, self._client
        reason = self._transcript.redact(str(exc) or type(exc).__name__)
        if client.password_sent or isinstance(exc, asyncssh.PermissionDenied):
            return self._denied(exc, reason)
        if isinstance(exc, asyncssh.KeyExchangeFailed):
            return PermanentError(f"no common SSH algorithms with {access}: {reason}", where=access.node)
        if isinstance(exc, asyncssh.ConnectionLost | ConnectionResetError | BrokenPipeError):
            return TemporaryError(
                f"the SSH server ends connections before the login to {access}: {reason}",
                where=access.node,
                hint="too many logins at once, or a filter in between",
            )
        return TemporaryError(
            f"SSH at {access} is not reachable: {reason}",
            where=access.node,
            hint="check address, port and that the node is up",
        )

    def _denied(self, exc: Exception, reason: str) -> RetrustError:
        access, client = self._access, self._client
        if client.asked is not None:
            return PasswordRefused(
                f"the login of {access.username} asks {self._transcript.redact(client.asked)!r}, which is not answered",
                node=access.node,
                username=access.username,
                hint="log in by hand once and settle it",
            )
        if client.password_sent:
            refused = f"the password of {access.username} was refused"
            hung_up = f"the server ended the connection when it had the password of {access.username}"
            what = refused if isinstance(exc, asyncssh.PermissionDenied) else hung_up
            return PasswordRefused(f"{what} ({reason})", node=access.node, username=access.username)
        return PermanentError(
            f"{access.username} has no way to log in that the server offers ({reason})",
            where=access.node,
            hint="give a password or a key that the server accepts",
        )


@contextmanager
def _wrong_inventory(access: SshAccess) -> Iterator[None]:
    """A key file that cannot be read, a user name that SSH cannot carry."""
    try:
        yield
    except (OSError, ValueError) as exc:  # asyncssh's key errors are ValueErrors
        raise InventoryError(f"cannot prepare the SSH login: {exc}", where=access.node) from exc
