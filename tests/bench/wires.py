"""The two wires without anything: one kept connection each, bytes out, bytes in. What both sides of a comparison use,
so that what the client costs is in neither's favour."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT = 30.0


class WireError(Exception):
    """The other side went away, or answered what cannot be read."""


class _Connection:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """What comes up to and with ``end``."""
        while (at := self._buffer.find(end)) < 0:
            self._more()
        return self._take(at + len(end))

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        return self._take(size)

    def _more(self) -> None:
        data = self._socket.recv(1 << 18)
        if not data:
            raise WireError("the connection was closed")
        self._buffer += data

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Http:
    """One kept connection of HTTP/1.1. ``base`` is ``http://host:port/path``; ``headers`` go with every request."""

    def __init__(self, base: str, headers: Mapping[str, str]) -> None:
        host, _, path = base.removeprefix("http://").partition("/")
        self._host, self._path = host, f"/{path}" if path else ""
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        name, _, port = host.partition(":")
        self._connection = _Connection(name, int(port or "80"))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """``path`` is below the base, or a whole address there."""
        target = "/" + path.split("/", 3)[3] if "://" in path else self._path + path
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\n{self._headers}{more}{length}\r\n"
        self._connection.send(head.encode() + body)
        status, *lines = self._connection.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        named = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        if "content-length" not in named:
            raise WireError(f"{status}: an answer without Content-Length")
        return Answer(int(status.split(" ")[1]), self._connection.exactly(int(named["content-length"])))

    def close(self) -> None:
        self._connection.close()


class Mllp:
    """One connection of MLLP, one message at a time, ISO-8859-1."""

    def __init__(self, address: str) -> None:
        name, _, port = address.removeprefix("mllp://").partition(":")
        self._connection = _Connection(name, int(port))

    def ask(self, *segments: str) -> list[list[str]]:
        """The answer's segments, each in its fields."""
        self._connection.send(b"\x0b" + ("\r".join(segments) + "\r").encode("iso-8859-1") + b"\x1c\r")
        text = self._connection.until(b"\x1c\r")[1:-2].decode("iso-8859-1")
        return [line.split("|") for line in text.rstrip("\r").split("\r")]

    def close(self) -> None:
        self._connection.close()
