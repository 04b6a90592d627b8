"""Which host keys may be shown, and which are asked for next; the connections themselves are in ``test_login``."""

from __future__ import annotations

import pytest

from retrust.errors import ChangedIdentity, InventoryError, Refused
from retrust.ssh import SshAccess
from retrust.ssh.hostkeys import CERTIFICATE, KEY_TYPES, Asking, Trusted, trusted

NAMED = Trusted("pi-1", frozenset({"SHA256:named"}))
PLACE = ("192.0.2.1", 22)


def test_a_fingerprint_is_one_as_openssh_prints_it() -> None:
    """Padding at its end does not count; the form of another tool is refused."""
    access = SshAccess("pi-1", "192.0.2.1", "admin", host_keys=("SHA256:abc=",))
    assert trusted(access).fingerprints == {"SHA256:abc"}
    with pytest.raises(InventoryError, match="no host key fingerprint"):
        trusted(SshAccess("pi-1", "192.0.2.1", "admin", host_keys=("MD5:ab:cd",)))


def test_a_change_is_reported_only_after_every_type_was_shown() -> None:
    """Each refused key leaves the other types to ask for; the last one is a change that names all that was shown."""
    asking = Asking(NAMED, PLACE)
    *others, last = asking.types
    assert {*others, last} == set(KEY_TYPES)
    for name in others:
        asking.refused(name, f"SHA256:{name}")
        assert name not in asking.types
    with pytest.raises(ChangedIdentity, match="SHA256:ssh-ed25519") as changed:
        asking.refused(last, f"SHA256:{last}")
    assert all(f"SHA256:{name}" in str(changed.value) for name in KEY_TYPES)


def test_a_server_without_the_named_type_is_looked_at_once_more() -> None:
    """The other types are asked for once, so that the change can be shown; then it is refused."""
    asking = Asking(Trusted("pi-1", frozenset({"SHA256:named"}), types=("ssh-rsa",)), PLACE)
    assert asking.types == ["ssh-rsa"]
    asking.missing()
    assert asking.types == list(KEY_TYPES)
    with pytest.raises(Refused):
        asking.missing()


def test_an_authority_alone_asks_for_certificates_alone() -> None:
    """A plain key is not asked for where only a certificate can be accepted."""
    assert Asking(Trusted("pi-1", frozenset(), frozenset({"SHA256:ca"})), PLACE).types == [CERTIFICATE]
