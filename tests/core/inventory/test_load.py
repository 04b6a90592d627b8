"""Reading an inventory: the exact words for every mistake, and what is understood."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from kit.inventories import KEY, MODELS, SECRET, BoxSite, load, problems, site
from retrust.errors import InventoryError
from retrust.inventory import (
    GateEntry,
    load_inventory,
)
from retrust.secrets.stores import SecretRef


def test_a_whole_inventory(folder: Path) -> None:
    """What is written is read; what is left out has the documented default."""
    inventory = load(
        site("""
        web: {username: root, password: "file:pw", fingerprint: "SHA256:<colons>"}
        trust: {ca: ca.pem, tunnels: never}
        policy: {delete-pin: [{gate: people, approvers: 2}], window: []}
        clocks: {observation: 5m}
        recurrence: {healed: 1}
        maintenance: true
        """)
        + dedent("""
        people: {alice: {roles: [network, security], email: a@example.com}, bob: [network], eve: auditor}
        ledger: {url: "postgresql://retrust@db.example.com/retrust", password: env:DB}
        sources: [{source: file, paths: [/var/log/x]}]
        notifications: [{url: env:APPRISE, on: [alarm]}]
        """)
    )
    campus = inventory.sites["campus"]
    assert isinstance(campus, BoxSite)
    assert (campus.name, campus.target, campus.maintenance, campus.include_self) == ("campus", "box", True, False)
    assert campus.ssh.host_key == (KEY,)
    assert campus.web is not None
    assert campus.web.fingerprint == "SHA256:" + "ab" * 31 + "cd"
    assert campus.web.password == SecretRef("file:pw")
    assert campus.web.password.rest == str(folder / "pw")
    assert campus.trust.ca == folder / "ca.pem"
    assert campus.policy.gates["delete-pin"] == (GateEntry.model_validate({"gate": "people", "approvers": 2}),)
    assert campus.policy.gates["delete-pin"][0].settings == {"approvers": 2}
    assert campus.policy.gates["window"] == ()
    assert (campus.clocks.decision, campus.clocks.observation) == (timedelta(hours=72), timedelta(minutes=5))
    assert (campus.recurrence.healed, campus.recurrence.days) == (1, 30)
    assert {p.name: p.roles for p in inventory.people.values()} == {
        "alice": ("network", "security"),
        "bob": ("network",),
        "eve": ("auditor",),
    }
    assert inventory.ledger.url == "postgresql://retrust@db.example.com/retrust"
    assert inventory.sources[0].settings == {"paths": ["/var/log/x"]}
    assert inventory.notifications[0].on == ("alarm",)
    assert inventory.file == "retrust.yaml"


def test_sections_left_out(folder: Path) -> None:
    """An inventory of sites alone has every section, with its defaults, nested ones too."""
    inventory = load(site())
    assert (inventory.people, inventory.sources, inventory.notifications) == ({}, (), ())
    assert inventory.ledger.url is None
    assert inventory.prefect.work_pool is None
    assert inventory.console.port == 8420
    assert inventory.settings.clocks.decision == timedelta(hours=72)
    assert inventory.settings.recurrence.days == 30


MISTAKES = {
    "a misspelt key": (
        site(ssh="{username: admin, pasword: env:PW, host_key: '<key>'}"),
        ["4: sites.campus.ssh.pasword: unknown key; did you mean password?"],
    ),
    "a key nothing is near to": (site("colour: red"), ["5: sites.campus.colour: unknown key"]),
    "a misspelt key in a list of a section": (
        site() + "notifications:\n  - url: env:A\n    onn: [alarm]\n",
        ["7: notifications[0].onn: unknown key; did you mean on?"],
    ),
    "a misspelt section": (site() + "peple: {}\n", ["5: peple: unknown key; did you mean people?"]),
    "several mistakes at once, in the order of the text": (
        site("maintenance: maybe\ntrust: {tunnel: auto}") + "ledger: {password: env:X}\n",
        [
            "5: sites.campus.maintenance: must be true or false",
            "6: sites.campus.trust.tunnel: unknown key; did you mean tunnels?",
            "7: ledger.password: is of no use without url",
        ],
    ),
    "a missing key": ("sites:\n  campus:\n    target: box\n", ["2: sites.campus: ssh is missing"]),
    "a missing key below": (
        site(ssh="{password: env:PW, host_key: '<key>'}"),
        ["4: sites.campus.ssh: username is missing"],
    ),
    "no target": ("sites:\n  campus:\n    ssh: {}\n", ["2: sites.campus: target is missing; loaded: box"]),
    "a target nothing provides": (
        "sites:\n  campus:\n    target: boxx\n",
        ["3: sites.campus.target: no plugin provides this target; loaded: box; did you mean box?"],
    ),
    "no sites": ("people: {}\n", ["1: sites is missing"]),
    "an empty file": ("# nothing yet\n", ["1: is empty; `retrust init` writes a commented one"]),
    "a list": ("- sites\n", ["1: must be a mapping with the key sites"]),
    "a site that is no mapping": ("sites: {campus: box}\n", ["1: sites.campus: must be a mapping of keys"]),
    "sites as a list": ("sites: [{target: box}]\n", ["1: sites: must be a mapping from names to sites"]),
    "a name inside a site": (site("name: other"), ["5: sites.campus.name: unknown key; the name is the key above"]),
    "a duplicate key": (
        site("maintenance: true\nmaintenance: false"),
        ["6: maintenance is given twice, first in line 5"],
    ),
    "a duplicate site": ("sites:\n  a: {target: box}\n  a: {target: box}\n", ["3: a is given twice, first in line 2"]),
    "a port in quotes": (
        site(ssh="{port: '22', username: a, password: env:PW, host_key: '<key>'}"),
        ["4: sites.campus.ssh.port: must be a number: leave out the quotes"],
    ),
    "a port out of range": (
        site("peers:\n  - host: a\n    port: 70000\n  - {host: b, port: 0}"),
        ["7: sites.campus.peers[0].port: must be at most 65535", "8: sites.campus.peers[1].port: must be at least 1"],
    ),
    "a port that is true": (
        site("peers: [{host: a, port: true}]"),
        ["5: sites.campus.peers[0].port: must be a whole number"],
    ),
    "yes for true": (
        site("maintenance: yes"),
        ["5: sites.campus.maintenance: must be true or false: other words, and words in quotes, are text"],
    ),
    "a number for text": (
        site(ssh="{username: 1234, password: env:PW, host_key: '<key>'}"),
        ["4: sites.campus.ssh.username: must be text: put it in quotes"],
    ),
    "a mapping for text": (
        site("peers: [{host: {a: b}}]"),
        ["5: sites.campus.peers[0].host: must be text, not a mapping"],
    ),
    "a key without a value": (
        site("trust:\nclocks:"),
        [
            "5: sites.campus.trust: is empty: give a value, or leave the key out",
            "6: sites.campus.clocks: is empty: give a value, or leave the key out",
        ],
    ),
    "a mapping for a list": (site("peers: {host: a}"), ["5: sites.campus.peers: must be a list"]),
    "a word that is none of the choices": (
        site("trust: {tunnels: no}"),
        ["5: sites.campus.trust.tunnels: must be auto or never"],
    ),
    "a duration without a unit": (
        site("clocks: {decision: soon, observation: '10'}"),
        [
            "5: sites.campus.clocks.decision: must be a duration: seconds as a number, or text such as 30s, 10m, "
            "72h, 1h30m or 7d",
            "5: sites.campus.clocks.observation: must be a duration: seconds as a number, or text such as 30s, 10m, "
            "72h, 1h30m or 7d",
        ],
    ),
    "a duration of nothing": (
        site("clocks: {decision: 0s}"),
        ["5: sites.campus.clocks.decision: must be a duration above zero and below ten years"],
    ),
    "a risk class nobody knows": (
        site("policy: {delte-pin: [{gate: people}]}"),
        [
            "5: sites.campus.policy.delte-pin: unknown risk class; known: read, delete-pin, add-server, interrupting, "
            "security, recurrence, window"
        ],
    ),
    "a gate without a name": (
        site("policy: {delete-pin: [{approvers: 1}]}"),
        ["5: sites.campus.policy.delete-pin[0]: gate is missing"],
    ),
    "two ways to verify a host key": (
        site(ssh="{username: a, password: env:PW, host_key: '<key>', known_hosts: kh}"),
        ["4: sites.campus.ssh: needs host_key or known_hosts, exactly one: a host key is always verified"],
    ),
    "no way to verify a host key, and none to log in": (
        site(ssh="{username: a}"),
        [
            "4: sites.campus.ssh: needs host_key or known_hosts, exactly one: a host key is always verified",
            "4: sites.campus.ssh: needs password or key_file",
        ],
    ),
    "a certificate's fingerprint for a host key": (
        site(ssh="{username: a, password: env:PW, host_key: 'SHA256:<hex>'}"),
        [
            "4: sites.campus.ssh.host_key: must be a host key's fingerprint as `ssh-keygen -l` prints it; "
            "this is a certificate's fingerprint"
        ],
    ),
    "one wrong host key of several": (
        site(ssh="{username: a, password: env:PW, host_key: ['<key>', 'MD5:aa']}"),
        ["4: sites.campus.ssh.host_key[1]: must be a host key's fingerprint as `ssh-keygen -l` prints it"],
    ),
    "a host key's fingerprint for a certificate": (
        site(f"web: {{username: a, password: env:PW, fingerprint: '{KEY}'}}"),
        [
            "5: sites.campus.web.fingerprint: must be a certificate's fingerprint, SHA256: and 64 hex digits; "
            "this is an SSH host key's fingerprint"
        ],
    ),
    "neither CA nor fingerprint": (
        site("web: {username: a, password: env:PW}"),
        ["5: sites.campus.web: needs ca or fingerprint, exactly one: the web certificate is always verified"],
    ),
    "an address with a port": (
        site("web: {username: a, password: env:PW, ca: x, address: 'pi.example.com:443'}"),
        ["5: sites.campus.web.address: must be an IP address or a DNS name, without a port or brackets"],
    ),
    "an e-mail address that is none": (
        site() + "people: {alice: {roles: [a], email: 'a@b@c'}}\n",
        ["5: people.alice.email: must be an e-mail address, such as noc@example.com"],
    ),
    "a misspelt key of a person": (
        site() + "people: {alice: {role: [a]}}\n",
        ["5: people.alice.role: unknown key; did you mean roles?"],
    ),
    "a console with half a certificate": (
        site() + "console: {certificate: a.pem}\n",
        ["5: console: needs both certificate and key, or neither"],
    ),
    "a wrong setting for all sites is told once": (
        site() + "settings: {clocks: {decision: x}}\n",
        [
            "5: settings.clocks.decision: must be a duration: seconds as a number, or text such as 30s, 10m, "
            "72h, 1h30m or 7d"
        ],
    ),
    "bad indentation": (
        "sites:\n  campus:\n    target: box\n   ssh: {}\n",
        ["4: not YAML: did not find expected key at column 4; look at the indentation of this line"],
    ),
    "a tab": ("sites:\n\tcampus: {}\n", ["2: a tab: indent with blanks"]),
    "a tag": (
        site("maintenance: !env X"),
        ["5: tags (words that start with !) are not understood; text that starts with ! must be quoted"],
    ),
    "text that starts with a star": (
        site("maintenance: *word"),
        ["5: not YAML: text that starts with * must be quoted"],
    ),
    "two documents": ("sites: {}\n---\nsites: {}\n", ["2: not YAML: but found another document at column 1"]),
    "a list as key": ("sites: {[a]: {}}\n", ["1: a key must be text"]),
    "an anchor in itself": ("sites: &a {x: *a}\n", ["1: an anchor that contains itself"]),
    "a merge of no mapping": (site("<<: [1]"), ["5: << must name a mapping, or a list of mappings"]),
    "a control character": ("sites:\n  a: \x07\n", ["2: not YAML: a character that is not allowed"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(folder: Path, mistake: str) -> None:
    """Each mistake is told with file, line and key, all of them at once, and in these words."""
    text, lines = MISTAKES[mistake]
    assert problems(text) == [f"retrust.yaml:{line}" for line in lines]


@pytest.mark.parametrize(
    "where",
    [
        "password: %s",
        "password: '%s'",
        "password: abc:%s",
        "password: env:%s!",
        "password: 'env:'",
        "password: ' %s'",
        "password: *%s",
        "password: &%s",
        "password: !%s",
        "password: {%s: x}",
        "password: [%s]",
        "password: %s: x",
        'password: "%s',
        "host_key: %s",
        "address: 'https://u:%s@h'",
        "port: %s",
        "known_hosts: [%s]",
        "username: [%s]",
    ],
)
def test_a_value_is_never_quoted(folder: Path, where: str) -> None:
    """Whatever stands where a secret belongs, and a secret that stands elsewhere: refused, and not in the error."""
    line = where.replace("%s", SECRET)
    text = f"sites:\n  campus:\n    target: box\n    ssh:\n      key_file: x\n      {line}\n"
    with pytest.raises(InventoryError) as caught:
        load(text)
    told = repr(caught.value) + str(caught.value) + repr(caught.value.problems) + repr(caught.value.__cause__)
    assert caught.value.problems
    assert SECRET not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_literal_secret_says_what_to_write(folder: Path) -> None:
    """A literal is refused with the way to write a reference, and with the schemes that are known."""
    text = site(ssh="{username: a, password: hunter2, host_key: '<key>'}")
    assert problems(text, schemes=["vault"]) == [
        "retrust.yaml:4: sites.campus.ssh.password: must be a reference, such as env:NAME or file:PATH, "
        "never the value itself; known: env, file, vault"
    ]


def test_schemes_of_plugins(folder: Path) -> None:
    """A scheme is understood where a plugin reads it, and refused where none does."""
    text = site(ssh="{username: a, password: 'vault:kv/pi#admin', host_key: '<key>'}")
    box: Any = load(text, schemes=["vault"]).sites["campus"]
    assert str(box.ssh.password) == "vault:kv/pi#admin"
    assert len(problems(text)) == 1


def test_yaml_surprises_are_text(folder: Path) -> None:
    """Dates, `no`, times, octal-looking numbers and numbers as names mean what they look like."""
    text = """
        sites: {}
        people:
          no: [on]
          2024: [22:30]
          2024-01-01: ["0123"]
          yes: [0123]
          x: [2024-01-01]
        """
    assert {n: p.roles for n, p in load(text).people.items()} == {
        "no": ("on",),
        "2024": ("22:30",),
        "2024-01-01": ("0123",),
        "yes": ("0123",),
        "x": ("2024-01-01",),
    }


def test_merged_mappings(folder: Path) -> None:
    """`<<` merges, a mapping's own keys win, and an error in what was merged is told at its own line."""
    ssh = f"&ssh {{username: a, password: env:PW, host_key: '{KEY}'}}"
    more = "  lab:\n    target: box\n    ssh: {<<: *ssh, username: b, port: 2222}\n"
    lab: Any = load(site(ssh=ssh) + more).sites["lab"]
    assert (lab.ssh.username, lab.ssh.port, lab.ssh.host_key) == ("b", 2222, (KEY,))
    assert problems(site(ssh=ssh.replace("env:PW", "env:PW, x: 1")) + more) == [
        "retrust.yaml:4: sites.campus.ssh.x: unknown key",
        "retrust.yaml:4: sites.lab.ssh.x: unknown key",
    ]


def test_settings_hold_for_every_site(folder: Path) -> None:
    """What `settings` says holds where a site says nothing, key by key."""
    general = (
        "settings: {clocks: {decision: 1h, observation: 1m}, policy: {read: [{gate: people}]}, recurrence: {days: 7}}\n"
    )
    campus = load(site("clocks: {observation: 2m}\npolicy: {delete-pin: []}") + general).sites["campus"]
    assert (campus.clocks.decision, campus.clocks.observation) == (timedelta(hours=1), timedelta(minutes=2))
    assert (campus.recurrence.healed, campus.recurrence.days) == (3, 7)
    assert (set(campus.policy.gates), campus.policy.gates["read"][0].gate) == ({"read", "delete-pin"}, "people")


def test_search_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named file goes before RETRUST_INVENTORY, and that before ./retrust.yaml."""
    for name in ("retrust", "environment", "option"):
        Path(f"{name}.yaml").write_text(f"sites: {{}}\npeople: {{{name}: [x]}}\n")
    assert list(load_inventory(None, MODELS).people) == ["retrust"]
    monkeypatch.setenv("RETRUST_INVENTORY", "environment.yaml")
    assert list(load_inventory(None, MODELS).people) == ["environment"]
    assert list(load_inventory(Path("option.yaml"), MODELS).people) == ["option"]


def test_no_inventory(folder: Path) -> None:
    """A missing file says what writes one, and where else one is looked for."""
    with pytest.raises(InventoryError, match="retrust init") as caught:
        load_inventory(None, MODELS)
    assert str(caught.value) == (
        "there is no inventory retrust.yaml (`retrust init` writes one; --inventory or RETRUST_INVENTORY name another)"
    )


def test_unreadable_inventories(folder: Path) -> None:
    """A folder, and bytes that are no text, are told as such."""
    with pytest.raises(InventoryError, match="cannot be read: Is a directory"):
        load_inventory(folder, MODELS)
    Path("retrust.yaml").write_bytes(b"sites:\n  a: \xff\n")
    with pytest.raises(InventoryError) as caught:
        load_inventory(None, MODELS)
    assert caught.value.problems == ("retrust.yaml:2: not UTF-8 text",)


_yaml_like = st.lists(
    st.sampled_from(
        [
            "sites",
            ":",
            " ",
            "\n",
            "  ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&a",
            "*a",
            "<<",
            "!x",
            "'",
            '"',
            "#",
            "campus",
            "target",
            "box",
            "|",
            ">",
            "\t",
            "---",
            "\x00",
            "é",
            "ssh",
            "people",
            "%",
            "1",
            "?",
        ]
    ),
    max_size=40,
).map("".join)


@given(text=_yaml_like | st.text(max_size=60))
@settings(max_examples=many(300))
def test_no_text_crashes_the_loader(folder: Path, text: str) -> None:
    """Any text is an inventory or an `InventoryError` with problems, and nothing else."""
    Path("retrust.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    told: tuple[str, ...] = ("it is right",)
    try:
        load_inventory(None, MODELS)
    except InventoryError as error:
        told = error.problems
    assert told


def test_deep_nesting_is_refused(folder: Path) -> None:
    """Nesting beyond reason, and merges that never end, are told and not followed."""
    assert problems("sites: " + "[" * 5000) != []
    assert problems("sites: &a {<<: {<<: *a}}\n") != []
