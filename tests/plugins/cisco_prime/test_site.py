"""A Prime site in the inventory: the HA page's rules, the pair's, and what is warned of."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from retrust.errors import InventoryError
from retrust.inventory import load_inventory
from retrust.models import Endpoint, Pin
from retrust.trust.verdicts import Facts, judge
from retrust_plugins.cisco_prime.site import CiscoPrimeSite
from retrust_plugins.cisco_prime.target import CiscoPrime

KEY = "SHA256:" + "A" * 43
SECRET = "Hunter2Hunter2"

SITE: dict[str, Any] = {
    "target": "cisco-prime",
    "primary": {
        "host": "10.0.0.11",
        "ssh": {"username": "admin", "password": "env:PI_PASSWORD", "host_key": KEY},
        "web": {"username": "root", "password": "file:pi-web", "fingerprint": "SHA256:" + "ab" * 32},
    },
    "secondary": {"host": "10.0.0.12", "ssh": {"username": "admin", "password": "env:PI_PASSWORD", "host_key": KEY}},
    "ha": {"authentication_key": "env:PI_HA_KEY", "email": ["noc@example.com"]},
    "ise": [{"host": "10.0.0.21", "username": "admin", "password": "env:ISE_PASSWORD"}],
}

Change = Callable[[dict[str, Any]], Any]


def load(folder: Path, *changes: Change) -> CiscoPrimeSite:
    site = deepcopy(SITE)
    for change in changes:
        change(site)
    path = folder / "retrust.yaml"
    path.write_text(yaml.safe_dump({"sites": {"campus": site}}, sort_keys=False), encoding="utf-8")
    found = load_inventory(path, {"cisco-prime": CiscoPrime.site_model}).sites["campus"]
    assert isinstance(found, CiscoPrimeSite)
    return found


def put(dotted: str, value: Any) -> Change:
    """Set a key of the site; None takes it out."""
    *above, last = dotted.split(".")

    def change(site: dict[str, Any]) -> None:
        for key in above:
            site = site[int(key)] if isinstance(site, list) else site[key]
        site[int(last) if isinstance(site, list) else last] = value
        if value is None:
            del site[last]

    return change


def problems(folder: Path, *changes: Change) -> list[str]:
    """What is wrong, each as ``key: sentence`` without file, line and site."""
    with pytest.raises(InventoryError) as caught:
        load(folder, *changes)
    return [line.split(": ", 1)[1].removeprefix("sites.campus.") for line in caught.value.problems]


def test_defaults(tmp_path: Path) -> None:
    """The least that can be said gives failover manual, the browser as driver and the known ports."""
    site = load(tmp_path)
    assert (site.ha.failover, site.ha.driver, site.ha.virtual_ip, site.ise[0].driver) == (
        "manual",
        "browser",
        None,
        "browser",
    )
    assert site.endpoints() == {
        "primary": Endpoint(host="10.0.0.11", port=8082),
        "secondary": Endpoint(host="10.0.0.12", port=8082),
        "ise[0]": Endpoint(host="10.0.0.21", port=443),
    }
    assert site.timeouts.command == timedelta(seconds=60)
    assert site.warnings() == ()


def test_where_a_node_is_reached(tmp_path: Path) -> None:
    """An address of SSH or the pages goes before the node's, and that before its host."""
    site = load(tmp_path, put("primary.address", "192.0.2.1"), put("primary.ssh.address", "192.0.2.2"))
    assert site.primary.ssh_endpoint == Endpoint(host="192.0.2.2", port=22)
    assert site.primary.web_endpoint == Endpoint(host="192.0.2.1", port=443)
    assert site.secondary.ssh_endpoint == Endpoint(host="10.0.0.12", port=22)


def vip(ipv4: Any = "10.0.0.10/24", ipv6: Any = None) -> Change:
    return put("ha.virtual_ip", {"ipv4": ipv4} | ({"ipv6": ipv6} if ipv6 else {}))


NAMES = (put("primary.host", "pri.example.com"), put("secondary.host", "sec.example.com"))

MISTAKES: dict[str, tuple[tuple[Change, ...], list[str]]] = {
    "virtual IP elsewhere": (
        (vip("10.0.1.10/24"),),
        [
            "ha.virtual_ip.ipv4: is not on the subnet of the primary: a virtual IP works only where both servers are "
            "on one subnet",
            "ha.virtual_ip.ipv4: is not on the subnet of the secondary: a virtual IP works only where both servers are "
            "on one subnet",
        ],
    ),
    "a pair on two subnets": (
        (vip(), put("secondary.host", "10.0.9.12")),
        [
            "ha.virtual_ip.ipv4: is not on the subnet of the secondary: a virtual IP works only where both servers are "
            "on one subnet"
        ],
    ),
    "virtual IP of a server": ((vip("10.0.0.12/24"),), ["ha.virtual_ip.ipv4: is the address of the secondary itself"]),
    "virtual IP without prefix": (
        (vip("10.0.0.10"),),
        ["ha.virtual_ip.ipv4: must be an IPv4 address with the prefix of its subnet, such as 10.0.0.10/24"],
    ),
    "IPv6 as IPv4": (
        (vip("2001:db8::1/64"),),
        ["ha.virtual_ip.ipv4: must be an IPv4 address with the prefix of its subnet, such as 10.0.0.10/24"],
    ),
    "a scope": (
        (vip(ipv6="fe80::1%eth0/64"),),
        ["ha.virtual_ip.ipv6: must be an IPv6 address with the prefix of its subnet, such as 2001:db8::10/64"],
    ),
    "fe80": (
        (vip(ipv6="fe80::10/64"),),
        ["ha.virtual_ip.ipv6: must not be of the block fe80, which is reserved for link-local addresses"],
    ),
    "fe80 by another spelling": (
        (vip(ipv6="FEBF:0::10/64"),),
        ["ha.virtual_ip.ipv6: must not be of the block fe80, which is reserved for link-local addresses"],
    ),
    "the network's address": (
        (vip("10.0.0.0/24"),),
        ["ha.virtual_ip.ipv4: must be an address that a host of its subnet can have"],
    ),
    "the broadcast address": (
        (vip("10.0.0.255/24"),),
        ["ha.virtual_ip.ipv4: must be an address that a host of its subnet can have"],
    ),
    "a subnet too small for three": (
        (vip("10.0.0.10/31"),),
        ["ha.virtual_ip.ipv4: must be an address that a host of its subnet can have"],
    ),
    "a subnet of everything": (
        (vip("10.0.0.10/0"),),
        ["ha.virtual_ip.ipv4: must be an address that a host of its subnet can have"],
    ),
    "only IPv6": ((put("ha.virtual_ip", {"ipv6": "2001:db8::10/64"}),), ["ha.virtual_ip: ipv4 is missing"]),
    "IPv6 elsewhere": (
        (
            vip(ipv6="2001:db8:9::10/64"),
            *(put(f"{n}.host", f"2001:db8::1{i}") for i, n in enumerate(("primary", "secondary"))),
        ),
        [
            "ha.virtual_ip.ipv6: is not on the subnet of the primary: a virtual IP works only where both servers are "
            "on one subnet",
            "ha.virtual_ip.ipv6: is not on the subnet of the secondary: a virtual IP works only where both servers are "
            "on one subnet",
        ],
    ),
    "nobody is mailed": ((put("ha.email", []),), ["ha.email: must name at least one"]),
    "addresses in one text": (
        (put("ha.email", "a@example.com, b@example.com"),),
        ["ha.email: must be one e-mail address; write several as a list"],
    ),
    "a broken address": (
        (put("ha.email", ["a@example.com", "noc"]),),
        ["ha.email[1]: must be an e-mail address, such as noc@example.com"],
    ),
    "failover of another word": ((put("ha.failover", "auto"),), ["ha.failover: must be manual or automatic"]),
    "driver of another word": ((put("ise.0.driver", "selenium"),), ["ise[0].driver: must be browser or operator"]),
    "a literal key": (
        (put("ha.authentication_key", SECRET),),
        [
            "ha.authentication_key: must be a reference, such as env:NAME or file:PATH, never the value itself; "
            "known: env, file"
        ],
    ),
    "browser without pages": (
        (put("primary.web", None),),
        [
            "primary: needs web, since ha.driver is browser; or set it to operator",
            "primary: needs web, since ise[0].driver is browser; or set it to operator",
        ],
    ),
    "browser for ISE alone": (
        (put("primary.web", None), put("ha.driver", "operator")),
        ["primary: needs web, since ise[0].driver is browser; or set it to operator"],
    ),
    "pages of the secondary": ((put("secondary.web", SITE["primary"]["web"]),), ["secondary.web: unknown key"]),
    "one host twice": (
        (put("secondary.host", "10.0.0.11"),),
        [
            "secondary: has the same host and port as primary",
            "secondary.ssh: has the same address and port as the primary's",
        ],
    ),
    "one host in two spellings": (
        (put("primary.host", "2001:db8::1"), put("ise.0.host", "2001:DB8:0::1"), put("ise.0.port", 8082)),
        ["ise[0]: has the same host and port as primary"],
    ),
    "one ISE server twice": (
        (put("ise", [SITE["ise"][0], SITE["ise"][0]]),),
        ["ise[1]: has the same host and port as ise[0]"],
    ),
    "one SSH server for both": (
        (*(put(f"{n}.ssh.address", "192.0.2.1") for n in ("primary", "secondary")),),
        ["secondary.ssh: has the same address and port as the primary's"],
    ),
    "a URL for a host": (
        (put("primary.host", "https://10.0.0.11"),),
        ["primary.host: must be an IP address or a DNS name, not a URL or a network"],
    ),
    "a host as it stands in a key": (
        (put("ise.0.host", "10.0.0.21:443"),),
        ["ise[0].host: must be an IP address or a DNS name, without a port or brackets"],
    ),
    "a misspelt timeout": (
        (put("timeouts", {"comand": "1m"}),),
        ["timeouts.comand: unknown key; did you mean command?"],
    ),
    "no secondary": ((put("secondary", None),), ["secondary is missing"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(tmp_path: Path, mistake: str) -> None:
    """Each mistake is told in these words, at the key that is wrong."""
    changes, expected = MISTAKES[mistake]
    found = [line.removeprefix("sites.campus: ") for line in problems(tmp_path, *changes)]
    assert found == expected
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    "changes",
    [
        (vip(),),
        (vip("10.0.0.10/8"),),
        (vip("10.0.0.10/29"), put("primary.host", "10.0.0.9")),
        (vip(ipv6="2001:db8::10/64"),),
        (vip(), *NAMES),
        (put("ha.email", "noc@example.com"),),
        (put("primary.web", None), put("ha.driver", "operator"), put("ise.0.driver", "operator")),
        (put("primary.web", None), put("ha.driver", "operator"), put("ise", [])),
        (
            put("secondary.host", "10.0.0.11"),
            put("secondary.health_monitor_port", 8083),
            put("secondary.ssh.port", 2222),
        ),
    ],
)
def test_what_is_allowed(tmp_path: Path, changes: tuple[Change, ...]) -> None:
    """The negative controls beside the mistakes: these are right."""
    load(tmp_path, *changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            (put("secondary.host", "sec.example.com"),),
            [
                "secondary.host is a name: where the servers resolve names by /etc/hosts instead of DNS, HA must be "
                "registered with the secondary's IP address"
            ],
        ),
        ((put("ha.failover", "automatic"),), ["ha.failover is automatic: the vendor recommends manual"]),
        (
            (put("ise.0.host", "ise.example.com"),),
            ["ise[0].host is a name: the page asks for the ISE server's IP address"],
        ),
        (
            (vip(), put("primary.host", "pri.example.com")),
            ["ha.virtual_ip.ipv4 is not checked against the primary, whose host is not an IPv4 address"],
        ),
        (
            (put("trust", {"tunnels": "never"}),),
            [
                "trust.tunnels is never: no certificate is seen from the nodes' own side, so evidence rarely is "
                "proven, and the security gate is asked"
            ],
        ),
        ((put("include_self", True),), ["include_self is true: the nodes' pins of themselves may be deleted"]),
    ],
)
def test_warnings(tmp_path: Path, changes: tuple[Change, ...], expected: list[str]) -> None:
    """What is allowed and seldom meant is told, once, and nothing else is."""
    assert list(load(tmp_path, *changes).warnings()) == expected


def test_secrets_are_in_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site's repr, text and JSON hold the references, and never what they refer to."""
    for name in ("PI_PASSWORD", "PI_HA_KEY", "ISE_PASSWORD"):
        monkeypatch.setenv(name, SECRET)
    (tmp_path / "pi-web").write_text(SECRET)
    site = load(tmp_path)
    shown = f"{site!r} {site} {site.model_dump()} {site.model_dump_json()}"
    assert SECRET not in shown
    for reference in ("env:PI_PASSWORD", "env:PI_HA_KEY", "env:ISE_PASSWORD", "file:pi-web"):
        assert reference in site.model_dump_json()


def test_a_site_survives_its_own_json(tmp_path: Path) -> None:
    """What is written out is read back equal: workers and packs pass sites on as JSON."""
    site = load(tmp_path, vip(ipv6="2001:db8::10/64"))
    assert CiscoPrimeSite.model_validate_json(site.model_dump_json()) == site


def test_a_dna_center_can_be_named(tmp_path: Path) -> None:
    """Its pin is about an endpoint of the inventory."""
    site = load(tmp_path, put("dna_center", [{"host": "10.0.0.31"}]))
    pin = Pin(holder="primary", key="10.0.0.31_443", subject="CN = kong", line="")
    assert CiscoPrime().locate(site, pin).endpoint == Endpoint(host="10.0.0.31", port=443)


def test_a_known_host_at_another_port_is_said(tmp_path: Path) -> None:
    """The pin stays unknown, and its reason says what to write."""
    place = CiscoPrime().locate(load(tmp_path), Pin(holder="primary", key="10.0.0.21_9443", subject="x", line=""))
    assert place.kind == "unknown"
    assert (
        "known host, port not in the inventory"
        in judge(Facts(Pin(holder="primary", key="10.0.0.21_9443", subject="x", line=""), place)).reasons[0]
    )


def test_a_key_that_names_an_address_is_said(tmp_path: Path) -> None:
    """The inventory knows the server by another name than its keys do; the reason says what to write."""
    site = load(tmp_path, put("ise.0.host", "ise.example.com"), put("ise.0.address", "10.0.0.77"))
    place = CiscoPrime().locate(site, Pin(holder="primary", key="10.0.0.77_443", subject="x", line=""))
    assert (place.kind, place.why) == (
        "unknown",
        "the address of ise[0], whose host is ise.example.com: write `host: 10.0.0.77` there if keys name it so",
    )
