"""A captured ClientHello is sent as it was, and the certificate is read in the clear; or it is said why not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.hellos import hello_of_java
from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust.models import Endpoint, Presented
from retrust.testing.certificates import self_signed, tls_server
from retrust.x509.certificates import fingerprint
from retrust.x509.hello import LARGEST_FILE, Hello, Replay, read_hello
from retrust.x509.tls import replay_over


def hello_of_python(newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, name: str | None = None) -> bytes:
    """The record that this machine's OpenSSL sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, newest
    sent = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    return sent.read()


PLAIN = hello_of_python()
NEWER = hello_of_python(ssl.TLSVersion.TLSv1_3)


async def replayed(hello: Hello, endpoint: Endpoint, timeout: float = 10) -> Presented:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        return await replay_over(hello, reader, writer, endpoint=endpoint, timeout=timeout)
    finally:
        writer.close()


@pytest.mark.parametrize("capture", [hello_of_java, lambda: asyncio.sleep(0, PLAIN)], ids=["Java", "OpenSSL"])
async def test_the_certificate_is_seen_with_a_real_clients_hello(capture: Callable[[], Awaitable[bytes]]) -> None:
    """Chain and fingerprint are what the server presents, though no handshake is finished."""
    leaf, issuer = self_signed("prime-sec"), self_signed("issuer")
    async with tls_server(leaf.context(issuer)) as endpoint:
        seen = await replayed(read_hello(await capture()), endpoint)
    assert seen.fingerprint == fingerprint(leaf.der)
    assert seen.chain == (leaf.der, issuer.der)


@pytest.mark.parametrize(
    "capture", [lambda: hello_of_java("TLSv1.3,TLSv1.2"), lambda: asyncio.sleep(0, NEWER)], ids=["Java", "OpenSSL"]
)
async def test_tls_1_3_is_unseen(capture: Callable[[], Awaitable[bytes]]) -> None:
    """Where the server chooses TLS 1.3 it is said that the certificate cannot be seen; where it chooses 1.2, it is."""
    made, hello = self_signed("x"), read_hello(await capture())
    async with tls_server(made.context()) as endpoint:
        with pytest.raises(PermanentError, match=r"unseen: the server chose TLS 1\.3"):
            await replayed(hello, endpoint)
    older = made.context()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with tls_server(older) as endpoint:
        assert (await replayed(hello, endpoint)).fingerprint == fingerprint(made.der)


async def test_nothing_but_random_and_session_id_differs() -> None:
    """Two looks differ from the capture, and from each other, in these bytes alone."""
    for record in (PLAIN, NEWER, await hello_of_java()):
        first, second = (read_hello(record).renewed() for _ in range(2))
        after = 44 + record[43]
        for sent in (first, second):
            assert sent[:11] + sent[43:44] + sent[after:] == record[:11] + record[43:44] + record[after:]
        assert len({record[11:43], first[11:43], second[11:43]}) == 3
        if record[43]:
            assert len({record[44:after], first[44:after], second[44:after]}) == 3


def test_a_random_that_begins_with_the_time_begins_with_todays() -> None:
    """Older clients write the time there; what was captured a month ago is sent as if it were sent by them now."""
    now = int(time.time())
    captured = PLAIN[:11] + (now - 30 * 86400).to_bytes(4) + PLAIN[15:]
    assert abs(int.from_bytes(read_hello(captured).renewed()[11:15]) - now) <= 2


async def test_a_server_name_is_sent_as_it_was() -> None:
    """The name in the captured hello goes out, whatever the endpoint is called."""
    names: list[str | None] = []
    context = self_signed("x").context()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    async with tls_server(context) as endpoint:
        await replayed(read_hello(hello_of_python(name="prime-sec.example.com")), endpoint)
    assert names == ["prime-sec.example.com"]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.hex().encode(),
        b"\n".join(PLAIN[n : n + 16].hex(" ").upper().encode() for n in range(0, len(PLAIN), 16)) + b"\n",
    ],
    ids=["bytes", "hex", "dump"],
)
def test_bytes_and_hexadecimal_are_read(content: bytes) -> None:
    """The record itself, or its digits with blanks and line ends between them."""
    assert read_hello(content) == Hello(PLAIN)


def extended(record: bytes, kind: int, value: bytes) -> bytes:
    """The hello with one more extension."""
    more = kind.to_bytes(2) + len(value).to_bytes(2) + value
    at = 44 + record[43]
    at += 2 + int.from_bytes(record[at : at + 2])
    at += 1 + record[at]
    listed = int.from_bytes(record[at : at + 2]) + len(more)
    body = record[9:at] + listed.to_bytes(2) + record[at + 2 :] + more
    return record[:3] + (len(body) + 4).to_bytes(2) + b"\x01" + len(body).to_bytes(3) + body


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (bytes.fromhex("d4c3b2a1") + b"x", "a capture of packets"),
        (b"GET / HTTP/1.1\r\n", "does not begin with 16 03"),
        (PLAIN[:-1], "not one whole TLS record"),
        (PLAIN + b"\x00", "not one whole TLS record"),
        (PLAIN + PLAIN, "not one whole TLS record"),
        (b"\x16\x03", "not one whole TLS record"),
        (PLAIN[:5] + b"\x02" + PLAIN[6:], "one whole ClientHello"),
        (PLAIN[:8] + bytes([PLAIN[8] ^ 1]) + PLAIN[9:], "one whole ClientHello"),
        (PLAIN[:43] + b"\xff" + PLAIN[44:], "beyond its end|longer than 32"),
        (PLAIN[: 44 + PLAIN[43]] + b"\xff\xff" + PLAIN[46 + PLAIN[43] :], "beyond its end"),
        (extended(PLAIN, 35, b"ticket"), "continues an earlier session"),
        (extended(PLAIN, 41, b"binder"), "continues an earlier session"),
        (b"16 03 0", "16 03"),
        (b"\x16\x03" + bytes(LARGEST_FILE), "larger than"),
    ],
)
def test_what_is_no_hello_is_refused(content: bytes, says: str) -> None:
    """Cut, doubled, foreign or resuming: each is said in a sentence."""
    with pytest.raises(ValueError, match=says):
        read_hello(content)


@given(
    st.binary(max_size=400)
    | st.tuples(st.integers(0, len(PLAIN) - 1), st.binary(max_size=8)).map(
        lambda it: PLAIN[: it[0]] + it[1] + PLAIN[it[0] + len(it[1]) :]
    )
)
def test_any_file_is_read_or_refused(content: bytes) -> None:
    """No bytes give anything but a hello that can be renewed, or a ``ValueError``."""
    with contextlib.suppress(ValueError):
        assert len(read_hello(content).renewed()) > 44


def begun() -> Replay:
    """A look that has sent its hello."""
    replay = Replay(read_hello(PLAIN), "x:1")
    replay.step()
    return replay


def answers_of_a_server() -> bytes:
    """What a server of TLS 1.2 sends up to its certificate, and behind it."""
    context, received, sent = self_signed("x").context(), ssl.MemoryBIO(), ssl.MemoryBIO()
    received.write(PLAIN)
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(received, sent, server_side=True).do_handshake()
    return sent.read()


def test_an_answer_may_come_in_any_pieces() -> None:
    """Records and messages are joined, whether a byte comes at a time, or each byte in a record of its own."""
    whole = answers_of_a_server()
    seen = set()
    bodies = [whole[5 : 5 + int.from_bytes(whole[3:5])]]
    for answer in (whole, b"".join(b"\x16\x03\x03\x00\x01" + bytes([byte]) for byte in bodies[0])):
        for width in (1, 7, len(answer)):
            replay = begun()
            for at in range(0, len(answer), width):
                if not replay.done:
                    replay.step(answer[at : at + width])
            if replay.done:
                seen.add(replay.chain())
    assert len(seen) == 1


@given(
    st.binary(max_size=300)
    | st.integers(0, 300).flatmap(
        lambda n: st.binary(min_size=n, max_size=n).map(lambda body: b"\x16\x03\x03" + n.to_bytes(2) + body)
    )
)
def test_any_answer_ends_in_a_certificate_or_a_sentence(answer: bytes) -> None:
    """Whatever a server sends, there is no error but ours."""
    replay = begun()
    with contextlib.suppress(RetrustError):
        replay.step(answer)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (bytes.fromhex("15030300020228"), "refused it with the alert 40"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer as a TLS server"),
        (bytes.fromhex("1603030004") + b"\x0e\0\0\0", "sent no certificate"),
        (bytes.fromhex("1603030007") + b"\x0b\0\0\x03\0\0\0", "sent no certificate"),
        (bytes.fromhex("1603030004") + b"\x02\0\0\0", "sent what cannot be read"),
    ],
)
def test_what_is_no_certificate_is_said(answer: bytes, says: str) -> None:
    """An alert, another protocol, a handshake without a certificate, a message cut off: each in a sentence."""
    replay = begun()
    with pytest.raises(TemporaryError, match=says):
        replay.step(answer)


def test_an_answer_is_bounded() -> None:
    """A server that never comes to its certificate is cut off."""
    replay = begun()
    piece = b"\x16\x03\x03\x10\x00" + b"\x0b\xff\xff\xff" + bytes(4092)
    for _ in range(63):
        replay.step(piece)
    with pytest.raises(TemporaryError, match="sent more than"):
        replay.step(piece)
