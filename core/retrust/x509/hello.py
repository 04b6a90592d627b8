"""A captured ClientHello of a holder's own client, sent again: nobody can tell it from the holder's by its bytes.

All of it is as it was but what no client sends twice, the random and the session's id. Up to TLS 1.2 the server's
certificate comes in the clear, so that it is read without finishing the handshake. That shows who answers the holder,
not that they hold the key: such a look may speak against what other looks saw, and never stands alone.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

from retrust.errors import PermanentError, TemporaryError

LARGEST_FILE = 1 << 16
_RECORD_END = 5 + (1 << 14)
_RANDOM, _SESSION = slice(11, 43), 43
_LONGEST_ANSWER = 1 << 18
_FIVE_YEARS = 5 * 366 * 86400
_TICKET, _PRE_SHARED_KEY, _VERSIONS = 35, 41, 43
_TLS_1_3 = b"\x03\x04"
_ALERT, _HANDSHAKE = 21, 22
_CAPTURES = tuple(map(bytes.fromhex, ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a")))
_SERVER_HELLO, _CERTIFICATE = 2, 11
_FAREWELL = bytes.fromhex("15030300020100")
"""The notice that ends a session, as a polite client sends it."""


@dataclass(frozen=True)
class Hello:
    """One TLS record with one whole ClientHello of a new session; made by ``read_hello``."""

    record: bytes

    def renewed(self) -> bytes:
        """The record to send now. Older clients begin the random with the time; where this one did, it is today's."""
        sent, now = bytearray(self.record), int(time.time())
        sent[_RANDOM] = secrets.token_bytes(32)
        if now - _FIVE_YEARS < int.from_bytes(self.record[11:15]) <= now:
            sent[11:15] = now.to_bytes(4)
        length = self.record[_SESSION]
        sent[_SESSION + 1 : _SESSION + 1 + length] = secrets.token_bytes(length)
        return bytes(sent)


def read_hello(content: bytes) -> Hello:
    """A file's content, the bytes of the record or their hexadecimal digits; else ``ValueError`` says what is wrong."""
    if len(content) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE} bytes")
    if not content.strip():
        raise ValueError("it is empty")
    if content[:4] in _CAPTURES:
        raise ValueError("it is a capture of packets: export the bytes of the one TLS record from it")
    record = _from_hex(content)
    if record[:2] != b"\x16\x03":
        raise ValueError("it does not begin with 16 03, as a TLS handshake does")
    if len(record) > _RECORD_END or int.from_bytes(record[3:5]) != len(record) - 5:
        raise ValueError("it is not one whole TLS record, and nothing else")
    if record[5:6] != b"\x01" or int.from_bytes(record[6:9]) != len(record) - 9:
        raise ValueError("the record does not hold one whole ClientHello, and nothing else")
    extensions = dict(_extensions(record))
    if extensions.get(_TICKET) or _PRE_SHARED_KEY in extensions:
        raise ValueError("it continues an earlier session: capture the first connection after the client has started")
    return Hello(record)


def _from_hex(content: bytes) -> bytes:
    try:
        return bytes.fromhex(content.decode("ascii"))
    except ValueError:
        return content


def _extensions(record: bytes) -> Iterator[tuple[int, bytes]]:
    session, at = _sized(record, _SESSION, 1)
    _, at = _sized(record, at, 2)  # cipher suites
    _, at = _sized(record, at, 1)  # compression
    if len(session) > 32:
        raise ValueError("its session id is longer than 32 bytes")
    if at == len(record):
        return
    extensions, end = _sized(record, at, 2)
    if end != len(record):
        raise ValueError("there are bytes behind its extensions")
    yield from _each_extension(extensions)


def _each_extension(extensions: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(extensions):
        kind = int.from_bytes(extensions[at : at + 2])
        value, at = _sized(extensions, at + 2, 2)
        yield kind, value


def _sized(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    """The value behind its length, and where it ends."""
    begin = at + width
    end = begin + int.from_bytes(data[at:begin])
    if end > len(data) or begin > len(data):
        raise ValueError("a length in it reaches beyond its end")
    return data[begin:end], end


class Replay:
    """One look with a captured hello, without I/O: bytes of the far side in, bytes for it out."""

    def __init__(self, hello: Hello, where: str) -> None:
        self._hello, self._where = hello, where
        self._received = self._messages = b""
        self._length = 0
        self._chain: tuple[bytes, ...] = ()
        self.begun = False

    @property
    def done(self) -> bool:
        return bool(self._chain)

    def step(self, received: bytes = b"") -> bytes:
        """Take what came, give what is to be sent; an error where no certificate can be seen."""
        if not self.begun:
            self.begun = True
            return self._hello.renewed()
        self._length += len(received)
        if self._length > _LONGEST_ANSWER:
            raise self._no_certificate(f"sent more than {_LONGEST_ANSWER} bytes")
        self._received += received
        try:
            self._take_records()
        except ValueError as error:
            raise self._no_certificate(f"sent what cannot be read: {error}") from error
        return b""

    def close(self) -> bytes:
        return _FAREWELL

    def chain(self) -> tuple[bytes, ...]:
        """What was sent, leaf first."""
        return self._chain

    def _take_records(self) -> None:
        while not self.done and len(self._received) >= 5:
            kind, end = self._received[0], 5 + int.from_bytes(self._received[3:5])
            if self._received[1] != 3 or kind not in (_ALERT, _HANDSHAKE):
                raise self._no_certificate("does not answer as a TLS server")
            if len(self._received) < end:
                return
            body, self._received = self._received[5:end], self._received[end:]
            if kind == _ALERT:
                raise self._no_certificate(f"refused it with the alert {body[1] if len(body) > 1 else 'unknown'}")
            self._messages += body
            self._take_messages()

    def _take_messages(self) -> None:
        """Messages of the handshake may share a record, or reach over several."""
        while not self.done and len(self._messages) >= 4:
            end = 4 + int.from_bytes(self._messages[1:4])
            if len(self._messages) < end:
                return
            kind, body = self._messages[0], self._messages[4:end]
            self._messages = self._messages[end:]
            if kind == _SERVER_HELLO:
                self._expect_in_the_clear(body)
            elif kind == _CERTIFICATE:
                self._chain = _certificates(body)
            if kind != _SERVER_HELLO and not self.done:
                raise self._no_certificate("sent no certificate")

    def _expect_in_the_clear(self, server_hello: bytes) -> None:
        _, at = _sized(server_hello, 34, 1)
        extensions = _sized(server_hello, at + 3, 2)[0] if at + 3 < len(server_hello) else b""
        if dict(_each_extension(extensions)).get(_VERSIONS) == _TLS_1_3:
            raise PermanentError(
                "unseen: the server chose TLS 1.3, in which its certificate is encrypted",
                where=self._where,
                hint="capture a hello that offers TLS 1.2 alone, if the holder has such a client",
            )

    def _no_certificate(self, what: str) -> TemporaryError:
        return TemporaryError(
            f"{what}, when it was asked as the holder's own client asks",
            where=self._where,
            hint="if the holder uses another client now, capture its ClientHello again",
        )


def _certificates(body: bytes) -> tuple[bytes, ...]:
    listed, at, found = _sized(body, 0, 3)[0], 0, []
    while at < len(listed):
        one, at = _sized(listed, at, 3)
        found.append(one)
    return tuple(found)
