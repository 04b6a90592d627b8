"""How a holder's path is looked at: each address of a name, and for a while after the first use."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager

import pytest

from kit.campus import quick_lab
from kit.hellos import hello_of_the_lab, select_by_hello, suites
from retrust.errors import Refused
from retrust.evidence import Edge
from retrust.models import Grade, Pin, Presented
from retrust.trust.looks import ADDRESSES, Looks
from retrust_plugins.evidence.ends import HoldersEnd
from retrust_plugins.lab.settings import IseSettings

NAME = "ise.example.com"


@pytest.fixture
def resolve(monkeypatch):
    """Gives ``NAME`` addresses in this machine's resolver."""
    asked = socket.getaddrinfo

    def resolving(*addresses):
        def answer(host, port, *args, **kwargs):
            if host != NAME:
                return asked(host, port, *args, **kwargs)
            return [
                (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
                for a in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", answer)

    return resolving


@asynccontextmanager
async def looking_at(site):
    """The eyes of the primary's pin of ``NAME``, which is the first ISE server to the inventory."""
    server = site.lab.ise[0]
    site.reload(lambda it: it["ise"][0].update(host=NAME, address=server.host))
    target, pin = site.engine.target(site.site), Pin(holder="primary", key=f"{NAME}_{server.port}", subject="", line="")
    place = target.locate(site.site, pin)
    async with target.connect(site.site, site.engine.services(read_only=True)) as connection:
        eyes = Looks.at(place, connection)
        seen = await eyes.from_here(place.endpoint)
        yield eyes, Edge(pin=pin, place=place, presented=seen, baseline=None, sightings=(), ca=None)


@pytest.fixture
async def two_servers(start):
    def by_operator(site):
        for server in site["ise"]:
            server["driver"] = "operator"

    return await start(quick_lab(ise=(IseSettings(), IseSettings())), change=by_operator)


async def test_each_address_of_a_name_is_asked_for(two_servers, resolve):
    """Through the holder, by number: two servers behind one name with two certificates contradict one another."""
    one, two = two_servers.lab.ise
    resolve(one.host, two.host)
    async with looking_at(two_servers) as (eyes, edge):
        looks = dict(await eyes.otherwise_through("primary", edge.place.endpoint))
        assert {words.split()[4].split(":")[0]: seen.fingerprint for words, seen in looks.items()} == {
            one.host: one.fingerprint,
            two.host: two.fingerprint,
        }
        said = await HoldersEnd().collect(edge, eyes)
        assert said.grade is Grade.CONTRADICTED
        assert f"asks for {two.host}:{two.port} by number, sees {two.fingerprint}" in said.detail


async def test_one_address_that_agrees(two_servers, resolve):
    """The name's one address shows what the name shows: evidence, and it is said."""
    one, _ = two_servers.lab.ise
    resolve(one.host)
    async with looking_at(two_servers) as (eyes, edge):
        said = await HoldersEnd().collect(edge, eyes)
    assert said.grade is Grade.SUPPORTED
    assert f"asks for {one.host}:{one.port} by number, sees it, too" in said.detail


async def test_addresses_that_do_not_answer_and_too_many(two_servers, resolve):
    """What is not reached, IPv6 included, is said and contradicts nothing; so is what is beyond eight."""
    one, _ = two_servers.lab.ise
    resolve(one.host, "2001:db8::1", *(f"198.51.100.{n}" for n in range(1, 10)))
    async with looking_at(two_servers) as (eyes, edge):
        looks = await eyes.otherwise_through("primary", edge.place.endpoint)
        said = await HoldersEnd().collect(edge, eyes)
    assert [isinstance(seen, Presented) for _, seen in looks] == [True] + [False] * ADDRESSES
    assert said.grade is Grade.SUPPORTED
    assert "2001:db8::1" in said.detail
    assert f"{NAME} has 11 addresses here; 3 of them were not asked for" in said.detail


async def test_the_path_is_watched_after_the_first_use(site, monkeypatch):
    """A stranger who answers the holder once, and never its own rounds, is seen at a random moment, and refused."""
    await site.break_trust("secondary")
    met = []

    def passed_on(hello):
        """The interceptor leaves the nodes alone, and is gone once a look has met it."""
        if suites(hello) == suites(hello_of_the_lab()):
            return True
        met.append(hello)
        site.lab.clear_intercept()
        return False

    def appear(part):
        if part == "verify":
            site.lab.intercept(("primary", "secondary"))

    select_by_hello(monkeypatch, passed_on)
    with pytest.raises(Refused, match="to primary, approved was"):
        await site.heal(before=appear)
    assert len(met) == 1
    assert [alarm.what for alarm in await site.ledger.alarms()] == ["refused"]
