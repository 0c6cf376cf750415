"""The sandbox's control interface, as the fixtures ask it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx

_LIMIT: Final = 60.0
PLAIN: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP on loopback: httpx would read all certificates of the machine for each of them."""


class SandboxRefused(Exception):
    """The sandbox did not do what a test asked of it; ``code`` is stable, the text says what would do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Control:
    """Every call raises `SandboxRefused` where the sandbox refuses."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=_LIMIT, trust_env=False, verify=PLAIN)

    def get(self, path: str, **query: Any) -> Any:
        """What there is at a path; what is None in the query is left out."""
        return self._answer("GET", path, params=_said(query)).json()

    def text(self, path: str) -> str:
        """The text at a path."""
        return self._answer("GET", path).text

    def post(self, path: str, **body: Any) -> Any:
        """What came of it; what is None in the body is left out."""
        return self._answer("POST", path, json=_said(body)).json()

    def put(self, path: str, **body: Any) -> Any:
        """What came of it."""
        return self._answer("PUT", path, json=_said(body)).json()

    def delete(self, path: str) -> Any:
        """What came of it."""
        return self._answer("DELETE", path).json()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _answer(self, method: str, path: str, **how: Any) -> httpx.Response:
        answer = self._client.request(method, path, **how)
        if answer.is_error:
            told = answer.json()
            raise SandboxRefused(str(told.get("error", answer.status_code)), str(told.get("message", answer.text)))
        return answer


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
