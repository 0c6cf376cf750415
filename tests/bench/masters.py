"""The record systems spoken to directly, as their manuals say: the least a client can do, to compare the hub with."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tests.bench.wires import Http, Mllp, WireError

COMMENT = "Yskää on ollut kaksi viikkoa."
"""The same text in every booking, through the hub and straight."""
HELSINKI = ZoneInfo("Europe/Helsinki")

_PLACER = "https://sotesilta.example/bench"
_HETU = "urn:oid:1.2.246.21"
_FORM = "application/x-www-form-urlencoded"


class Refused(Exception):
    """The record system did not do what was asked."""


class Master(Protocol):
    """One record system; `book` is what is measured."""

    def free(self, start: datetime, end: datetime) -> dict[float, str]:
        """One bookable time for each start there is (seconds since the epoch), named as the record system does."""

    def book(self, start: float, name: str) -> None:
        """Book it, on a connection that is open already. Raises `Refused`."""

    def close(self) -> None: ...


class Lifecare:
    """FHIR R4: a token and the patient's number already held, the connection kept."""

    def __init__(self, told: dict[str, Any], hetu: str) -> None:
        headers = {"Accept": "application/fhir+json", "Authorization": f"Bearer {_token(told)}"}
        self._http = Http(told["address"], headers)
        form = urlencode({"identifier": f"{_HETU}|{hetu}"}).encode()
        found = self._http.ask("POST", "/Patient/_search", form, Content_Type=_FORM).json()
        self._patient = found["entry"][0]["resource"]["id"]

    def free(self, start: datetime, end: datetime) -> dict[float, str]:
        found: dict[float, str] = {}
        span = [("status", "free"), ("start", f"ge{start.isoformat()}"), ("start", f"lt{end.isoformat()}")]
        url: str | None = f"/Slot?{urlencode([*span, ('_count', '200')])}"
        while url is not None:
            bundle = self._http.ask("GET", url).json()
            for entry in bundle.get("entry", ()):
                found.setdefault(instant(entry["resource"]["start"]), entry["resource"]["id"])
            url = next((link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"), None)
        return found

    def book(self, start: float, name: str) -> None:
        mark = uuid.uuid4().hex
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "identifier": [{"system": _PLACER, "value": mark}],
            "slot": [{"reference": f"Slot/{name}"}],
            "participant": [{"actor": {"reference": f"Patient/{self._patient}"}, "status": "accepted"}],
            "comment": COMMENT,
        }
        only_once = {"If_None_Exist": f"identifier={_PLACER}|{mark}", "Content_Type": "application/fhir+json"}
        answer = self._http.ask("POST", "/Appointment", json.dumps(body).encode(), **only_once)
        if answer.status != 201 or answer.json()["status"] != "booked":
            raise Refused(f"Lifecare answered {answer.status}")

    def close(self) -> None:
        self._http.close()


def _token(told: dict[str, Any]) -> str:
    known = told["credentials"]
    form = {"grant_type": "client_credentials"} | {name: known[name] for name in ("client_id", "client_secret")}
    http = Http(known["token_url"], {})
    try:
        return str(http.ask("POST", "", urlencode(form).encode(), Content_Type=_FORM).json()["access_token"])
    finally:
        http.close()


class Pegasos:
    """HL7 v2.4 over MLLP: one connection, kept."""

    def __init__(self, told: dict[str, Any], hetu: str) -> None:
        known = told["credentials"]
        parties = ("sending_application", "sending_facility", "receiving_application", "receiving_facility")
        self._parties = "|".join(known[name] for name in parties)
        self._hetu = hetu
        self._mllp = Mllp(told["address"])
        self._numbers = itertools.count(1)

    def free(self, start: datetime, end: datetime) -> dict[float, str]:
        found: dict[float, str] = {}
        for segments in self._pages(start, end):
            calendar = ""
            for segment in segments:
                if segment[0] == "SCH":
                    calendar = segment[5].split("^")[0]
                elif segment[0] == "ZPA":
                    begins = datetime.strptime(segment[1] + segment[2], "%Y%m%d%H%M%S%z").timestamp()
                elif segment[0] == "AIS":
                    found.setdefault(begins, f"{calendar}/{segment[3].split('^')[0]}/{segment[7]}")
        return found

    def _pages(self, start: datetime, end: datetime) -> Iterator[list[list[str]]]:
        more: list[str] = []
        while True:
            ask = [f"QRD|{_time(start)}|R|I|BENCH|||1000^RD|HUB|SOP|ALL", f"QRF|-|{_time(start)}|{_time(end)}", *more]
            segments = self._ask("SQM^S25^SQM_S25", *ask)
            yield segments
            pointer = next((segment[1] for segment in segments if segment[0] == "DSC"), "")
            if not pointer:
                return
            more = [f"DSC|{pointer}"]

    def book(self, start: float, name: str) -> None:
        calendar, service, minutes = name.split("/")
        begins = datetime.fromtimestamp(start, HELSINKI)
        segments = self._ask(
            "SRM^S01^SRM_S01",
            f"ARQ|{uuid.uuid4().hex}^BENCH||||{calendar}|VARAUS|||||||||VERKKO^Verkkopalvelu||||VERKKO^Verkkopalvelu",
            f"ZPA||{begins:%z}",
            f"NTE|1|P|{COMMENT}",
            f"PID|1||{self._hetu}^^^VRK&1.2.246.21&ISO^NNFIN||-",
            "RGS|1|A",
            f"AIS|1|A|{service}^^99PEGPAL|{_time(begins)}|||{minutes}|min",
        )
        status = next((segment[25].split("^")[0] for segment in segments if segment[0] == "SCH"), "")
        if segments[1][1] != "AA" or status != "Booked":
            why = next((segment[1] for segment in segments if segment[0] == "ERR"), status)
            raise Refused(f"Pegasos answered {segments[1][1]} {why}")

    def _ask(self, kind: str, *segments: str) -> list[list[str]]:
        control_id = f"B{next(self._numbers)}"
        header = f"MSH|^~\\&|{self._parties}|20270101000000||{kind}|{control_id}|P|2.4||||||8859/1"
        answer = self._mllp.ask(header, *segments)
        if answer[1][0] != "MSA" or answer[1][2] != control_id:
            raise WireError("an answer to another message")
        return answer

    def close(self) -> None:
        self._mllp.close()


MASTERS: dict[str, type[Lifecare] | type[Pegasos]] = {"lifecare": Lifecare, "pegasos": Pegasos}


def instant(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 time with its offset."""
    return datetime.fromisoformat(text).timestamp()


def _time(at: datetime) -> str:
    """As Pegasos writes it: the clock face of Helsinki."""
    return at.astimezone(HELSINKI).strftime("%Y%m%d%H%M%S")
