"""An OpenSSH site owes the engine what every target does."""

from __future__ import annotations

import pytest

from retrust.testing.conformance import Subject, TargetConformance


class TestOpenSsh(TargetConformance):
    @pytest.fixture
    async def subject(self, make_world):
        world = await make_world("ssh-ed25519")
        world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")

        async def renew():
            world.peer.renew("ssh-ed25519")

        return Subject(world.target, world.site, world.services, renew, ("planted-secret",))
