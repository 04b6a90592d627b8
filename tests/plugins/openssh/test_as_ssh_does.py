"""What the product calls healthy, OpenSSH's own client connects to without a question, and the other way round.

Each row is a store. ``ssh`` is the judge, with strict checking and nobody to ask; the servers are real ones.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.sshds import SSHD, Sshd, accepts, hashed, make_server, other
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import Secrets
from retrust.target import Services
from retrust.trust.observation import Known, take_snapshot
from retrust_plugins.openssh.site import OpenSshSite
from retrust_plugins.openssh.target import OpenSsh

pytestmark = pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="OpenSSH is not installed")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """One server for each set of keys, for all rows of this module."""
    folder: Path = tmp_path_factory.mktemp("servers")
    made = {
        "one": make_server(folder / "one", "ed25519"),
        "three": make_server(folder / "three", "rsa", "ecdsa", "ed25519"),
        "rsa": make_server(folder / "rsa", "rsa"),
        "v6": make_server(folder / "v6", "ed25519", address="::1"),
        "cert": make_server(folder / "cert", "ed25519", "ecdsa", names="127.0.0.1,localhost"),
        "elsewhere": make_server(folder / "elsewhere", "ed25519", names="web9.example.com"),
        "expired": make_server(folder / "expired", "ed25519", names="127.0.0.1", options=("-V", "20200101:20200102")),
        "authority is RSA": make_server(folder / "rsa-ca", "rsa", "ecdsa", names="127.0.0.1", authority="rsa"),
        "SHA-1": make_server(folder / "sha1", "rsa", config="HostKeyAlgorithms ssh-rsa\n"),
        "soon": make_server(folder / "soon", "ed25519", names="127.0.0.1", options=("-V", "20990101:20990102")),
    }
    with contextlib.ExitStack() as stack:
        for server in made.values():
            stack.enter_context(server.running())
        yield made


def sk_key() -> str:
    """A key that lives in a token, as a line of the file; no server here has one."""

    def text(value: bytes) -> bytes:
        return len(value).to_bytes(4, "big") + value

    blob = text(b"sk-ssh-ed25519@openssh.com") + base64.b64decode(other().split()[1])[-36:] + text(b"ssh:")
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}"


def cut(key: str) -> str:
    return key[:-8]


ROWS = {
    # -- names --------------------------------------------------------------------------------------
    "the very line": ("one", "{n} {ed25519}"),
    "another key": ("one", "{n} {old}"),
    "an empty store": ("one", ""),
    "another host's line alone": ("one", "[127.0.0.2]:{p} {ed25519}"),
    "the line of another port": ("one", "[127.0.0.1]:1 {ed25519}"),
    "the bare name, for a server at another port": ("one", "127.0.0.1 {ed25519}"),
    "the bare name with another key": ("one", "127.0.0.1 {old}"),
    "the bare name is right, the one with the port is not": ("one", "127.0.0.1 {ed25519}\n{n} {old}"),
    "the bare name is wrong, the one with the port is not": ("one", "127.0.0.1 {old}\n{n} {ed25519}"),
    "brackets without a port": ("one", "[127.0.0.1] {ed25519}"),
    "several names on the line": ("one", "web1.example.com,{n},10.9.9.9 {ed25519}"),
    "a foreign name on a line with another key": ("one", "{n},web1.example.com {old}"),
    "an empty name": ("one", ",{n}, {ed25519}"),
    "hashed": ("one", "{h} {ed25519}"),
    "hashed, another key": ("one", "{h} {old}"),
    "hashed and one more name": ("one", "{h},{n} {ed25519}"),
    "a hash that is cut": ("one", "|1|AAAA|{n} {ed25519}"),
    "hashed bare name": ("one", "{hb} {ed25519}"),
    "a star": ("one", "* {ed25519}"),
    "a star with another key": ("one", "* {old}"),
    "a pattern with a question mark": ("one", "[127.0.0.?]:{p} {ed25519}"),
    "a pattern of the bare name": ("one", "127.0.* {ed25519}"),
    "a pattern that does not fit": ("one", "[127.1.*]:{p} {ed25519}"),
    "a pattern for a whole net": ("one", "[127.*]:* {ed25519}"),
    "negated": ("one", "*,!{n} {ed25519}"),
    "negated first": ("one", "!{n},* {ed25519}"),
    "another one negated": ("one", "[127.*]:*,![127.0.0.2]:* {ed25519}"),
    "only a negation": ("one", "![127.0.0.2]:* {ed25519}"),
    "negated, and the bare name is right": ("one", "*,!{n} {old}\n127.0.0.1 {ed25519}"),
    "IPv6": ("v6", "{n} {ed25519}"),
    "IPv6, another key": ("v6", "{n} {old}"),
    "IPv6, bare": ("v6", "::1 {ed25519}"),
    "IPv6, hashed": ("v6", "{h} {ed25519}"),
    "IPv6, not as ssh writes it": ("v6", "[0:0:0:0:0:0:0:1]:{p} {ed25519}"),
    # -- the text -------------------------------------------------------------------------------------
    "comments and blank lines": ("one", "# ours\n\n   \n{n} {ed25519} a note # more\n#{n} {old}"),
    "commented out": ("one", "#{n} {ed25519}"),
    "tabs and blanks": ("one", "  \t{n}\t \t{ed25519}\t"),
    "CRLF": ("one", "# ours\r\n{n} {ed25519}\r\n"),
    "a byte order mark": ("one", "\ufeff{n} {ed25519}"),
    "a byte order mark before a comment": ("one", "\ufeff# ours\n{n} {ed25519}"),
    "a key that is cut": ("one", "{n} {cut}"),
    "a good line and a cut one": ("one", "{n} {cut}\n{n} {ed25519}"),
    "a line without a key": ("one", "{n}\n{n} ssh-ed25519\n{n} {ed25519}"),
    "a form feed is no blank": ("one", "{n}\f{ed25519}"),
    "the word is another type than the key": ("one", "{n} ssh-rsa {edkey}"),
    "the word is a signature's": ("rsa", "{n} rsa-sha2-512 {rsakey}"),
    "a note that looks like a marker": ("one", "@ours {n} {ed25519}"),
    "a NUL in the note": ("one", "{n} {ed25519} a\0b"),
    # -- keys -----------------------------------------------------------------------------------------
    "a good and a stale line": ("one", "{n} {old}\n{n} {ed25519}"),
    "two stale lines": ("one", "{n} {old}\n{n} {oldecdsa}"),
    "the pinned type was dropped": ("one", "{n} {oldrsa}"),
    "the pinned type was dropped, the new is there": ("one", "{n} {oldrsa}\n{n} {ed25519}"),
    "a type was added, the pinned one is right": ("three", "{n} {ecdsa}"),
    "a type was added, the pinned one is wrong": ("three", "{n} {oldecdsa}"),
    "one type right, the other wrong, the right one is asked for": ("three", "{n} {ed25519}\n{n} {oldrsa}"),
    "one type right, the other wrong, the wrong one is asked for": ("three", "{n} {rsa}\n{n} {old}"),
    "the last of three types": ("three", "{n} {rsa}"),
    "the order is not changed by the bare name": ("three", "127.0.0.1 {rsa}"),
    "the bare name has what is asked for first": ("three", "127.0.0.1 {ed25519}"),
    "a key of a token": ("one", "{n} {sk}"),
    "a key of a token, and the right one": ("one", "{n} {sk}\n{n} {ed25519}"),
    "RSA alone, pinned before as DSA": ("rsa", "{n} ssh-dss AAAAB3NzaC1kc3MAAAAA\n{n} {rsa}"),
    # -- revoked --------------------------------------------------------------------------------------
    "revoked for this host": ("one", "{n} {ed25519}\n@revoked {n} {ed25519}"),
    "revoked for all": ("one", "{n} {ed25519}\n@revoked * {ed25519}"),
    "revoked for another host": ("one", "{n} {ed25519}\n@revoked [127.0.0.2]:{p} {ed25519}"),
    "revoked for another port": ("one", "{n} {ed25519}\n@revoked [127.0.0.1]:1 {ed25519}"),
    "revoked for the bare name": ("one", "{n} {ed25519}\n@revoked 127.0.0.1 {ed25519}"),
    "revoked for the bare name, which is used": ("one", "127.0.0.1 {ed25519}\n@revoked 127.0.0.1 {ed25519}"),
    "another key is revoked": ("one", "{n} {ed25519}\n@revoked {n} {old}"),
    "revoked, hashed": ("one", "{n} {ed25519}\n@revoked {h} {ed25519}"),
    "revoked after a tab": ("one", "{n} {ed25519}\n@revoked\t{n} {ed25519}"),
    "the first type is revoked, the other is right": ("three", "{n} {ed25519}\n{n} {ecdsa}\n@revoked {n} {ed25519}"),
    "an old key of the type is revoked": ("three", "{n} {old}\n{n} {ecdsa}\n@revoked {n} {old}"),
    # -- certificates -----------------------------------------------------------------------------------
    "the authority": ("cert", "@cert-authority {n} {ca}"),
    "the authority for all": ("cert", "@cert-authority * {ca}"),
    "the authority for the bare name": ("cert", "@cert-authority 127.0.0.1 {ca}"),
    "the authority, and an old plain line": ("cert", "@cert-authority {n} {ca}\n{n} {old}"),
    "another authority": ("cert", "@cert-authority {n} {old}"),
    "another authority, and the plain key": ("cert", "@cert-authority {n} {old}\n{n} {ed25519}"),
    "another authority beside the right one": ("cert", "@cert-authority {n} {old}\n@cert-authority {n} {ca}"),
    "the authority for another host": ("cert", "@cert-authority *.example.com {ca}"),
    "the authority as a plain line": ("cert", "{n} {ca}"),
    "the plain key alone": ("cert", "{n} {ed25519}"),
    "the plain key of the type without a certificate": ("cert", "{n} {ecdsa}"),
    "the authority, and the plain key of another type": ("cert", "@cert-authority {n} {ca}\n{n} {ecdsa}"),
    "the authority is revoked": ("cert", "@cert-authority {n} {ca}\n@revoked {n} {ca}"),
    "the authority is revoked, the plain key is there": ("cert", "{n} {ed25519}\n@revoked {n} {ca}"),
    "the certified key is revoked": ("cert", "@cert-authority {n} {ca}\n@revoked * {ed25519}"),
    "for another name": ("elsewhere", "@cert-authority {n} {ca}"),
    "for another name, and the plain key": ("elsewhere", "@cert-authority {n} {ca}\n{n} {ed25519}"),
    "expired": ("expired", "@cert-authority {n} {ca}"),
    "expired, and the plain key": ("expired", "@cert-authority {n} {ca}\n{n} {ed25519}"),
    "expired, and the bare plain key": ("expired", "@cert-authority {n} {ca}\n127.0.0.1 {ed25519}"),
    "not yet valid": ("soon", "@cert-authority {n} {ca}"),
    "another authority for the name, ours for the bare one": (
        "cert",
        "@cert-authority {n} {old}\n@cert-authority 127.0.0.1 {ca}",
    ),
    "an RSA authority": ("authority is RSA", "@cert-authority {n} {ca}"),
    "a server that signs with SHA-1 only": ("SHA-1", "{n} {rsa}"),
    "no authority where there is no certificate": ("one", "@cert-authority {n} {old}\n{n} {ed25519}"),
}


def write(path: Path, server: Sshd, text: str) -> Path:
    keys = {file.stem: server.key(file.stem) for file in server.folder.glob("*.pub") if "-cert" not in file.name}
    values = {
        **keys,
        "n": server.name,
        "p": str(server.port),
        "h": hashed(server.name),
        "hb": hashed(server.address),
        "old": other(),
        "oldrsa": other("rsa"),
        "oldecdsa": other("ecdsa"),
        "sk": sk_key(),
        "cut": cut(keys.get("ed25519", "")),
        "edkey": keys.get("ed25519", " ").split(" ")[1],
        "rsakey": keys.get("rsa", " ").split(" ")[1],
    }
    path.write_bytes(text.format(**values).encode())
    return path


async def healthy(server: Sshd, *stores: Path, aliases: tuple[str, ...] = ()) -> bool | None:
    """What the product says of the one relation of a site with these files and this server."""
    site = OpenSshSite.model_validate(
        {
            "name": "s",
            "target": "openssh",
            "holders": {"here": {"path": [str(store) for store in stores]}},
            "peers": {"web1": {"host": server.address, "port": server.port, "aliases": aliases}},
        }
    )
    target, redactor = OpenSsh(), Redactor()
    async with target.connect(site, Services(secrets=Secrets({}, redactor), redactor=redactor)) as connection:
        snapshot = await take_snapshot(target, site, connection, Known(), (), pages=True)
    relation = snapshot.relations.get("ssh:here:web1")
    return relation.healthy if relation else None


@pytest.mark.parametrize("row", ROWS)
async def test_healthy_is_what_ssh_accepts(row, servers, tmp_path):
    """The relation is healthy exactly where ssh connects by this store."""
    name, text = ROWS[row]
    store = write(tmp_path / "known_hosts", servers[name], text)
    said, connects = await asyncio.gather(
        healthy(servers[name], store), asyncio.to_thread(accepts, servers[name].address, servers[name].port, store)
    )
    assert (said is True) == connects


@pytest.mark.parametrize(
    ("text", "connects"),
    [
        ("[localhost]:{p} {ed25519}", {"localhost"}),
        ("[LocalHost]:{p} {ed25519}\n{n} {ed25519}", {"localhost", "127.0.0.1"}),
        ("localhost {ed25519}", {"localhost"}),
        ("{n} {ed25519}\n[localhost]:{p} {old}", {"127.0.0.1"}),
        ("{n} {old}\n[localhost]:{p} {ed25519}", {"localhost"}),
        ("{n} {ed25519}\n@revoked [localhost]:{p} {ed25519}", {"127.0.0.1"}),
        ("* {ed25519}", {"localhost", "127.0.0.1"}),
    ],
)
async def test_aliases(text, connects, servers, tmp_path):
    """Of several names each that the store knows has to be one by which ssh connects."""
    store, server = write(tmp_path / "known_hosts", servers["one"], text), servers["one"]
    names = ("localhost", "127.0.0.1")
    assert {name for name in names if accepts(name, server.port, store)} == connects
    known = {name for name in names if name in text.lower() or "*" in text or ("{n}" in text and name == "127.0.0.1")}
    assert await healthy(server, store, aliases=("LOCALHOST",)) is (known == connects)


@pytest.mark.parametrize(
    "texts",
    [
        ("", "{n} {ed25519}"),
        (None, "{n} {ed25519}"),
        ("{n} {ed25519}", None),
        ("{n} {old}", "{n} {ed25519}"),
        ("{n} {ed25519}", "@revoked {n} {ed25519}"),
        ("{n} {old}", "{n} {oldecdsa}"),
        ("", "# nobody"),
    ],
)
async def test_several_files(texts, servers, tmp_path):
    """All files of a holder together are what ssh reads; one that is not there holds no line."""
    server = servers["one"]
    stores = [tmp_path / str(number) for number in range(len(texts))]
    for store, text in zip(stores, texts, strict=True):
        if text is not None:
            write(store, server, text)
    assert (await healthy(server, *stores) is True) == accepts(server.address, server.port, *stores)


NAMES = (
    "{n}",
    "127.0.0.1",
    "*",
    "[127.0.*]:*",
    "127.0.0.?",
    "*,!{n}",
    "!{n}",
    "{n},foo",
    "{h}",
    "{hb}",
    "[127.0.0.1]:1",
    "[127.0.0.2]:{p}",
    "*,!127.0.0.1",
)
LINES = st.builds(
    "{0}{1}{2}{3}{4}".format,
    st.sampled_from(("", "", "", "@cert-authority ", "@revoked ")),
    st.one_of(st.just("{n}"), st.sampled_from(NAMES)),
    st.sampled_from((" ", "\t", "  ")),
    st.one_of(st.just("{ed25519}"), st.sampled_from(("{ecdsa}", "{ca}", "{old}", "{oldecdsa}", "{sk}", "{cut}"))),
    st.sampled_from(("", " note", "\r", "\t# x")),
)


@settings(max_examples=20)
@given(lines=st.lists(LINES, min_size=1, max_size=5))
def test_any_store(lines, servers, tmp_path):
    """Whatever lines are put together, the answer is that of ssh."""
    server = servers["cert"]
    store = write(tmp_path / "known_hosts", server, "\n".join(lines))
    assert (asyncio.run(healthy(server, store)) is True) == accepts(server.address, server.port, store)
