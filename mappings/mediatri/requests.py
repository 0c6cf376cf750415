"""Commands and questions as Mediatri takes them: an operation and what it is told, by the names of its schema.

Optional elements are left out where there is no value. What Mediatri would not take is found here, before anything is
sent. Source: Mediatri's manual §6 to §9 and §11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, Literal

from canonical.commands import Book, Cancel
from canonical.model import TimeKey
from canonical.notes import Note
from mappings.asked import asked, shortened, wanted, words
from mappings.engine.recorder import Recorder
from mappings.mediatri import moments
from mappings.mediatri.appointments import rules
from mappings.mediatri.site import Site

COMMENT_LIMIT: Final = 1000
REASON_LIMIT: Final = 200
DAYS: Final = 31
"""The longest span of days that one question may have."""

Effect = Literal["read", "reserve", "confirm", "cancel", "release", "register"]
"""What a request changes. A reservation is no effect that anybody is shown."""

_SITE: Final = Site("")
"""What is told has no name of an installation's in it."""
_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9._:-]{1,36}")
_HETU: Final = re.compile(r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``reference`` is the ``asiakasViite`` that its answer gives back; ``""`` where it gives none."""

    operation: str
    content: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect = "read"
    reference: str = ""

    def going_on(self, pointer: str) -> Request:
        """The same question from where an answer ended (``jatko``)."""
        return replace(self, content={**self.content, "jatko": pointer})


def is_reference(text: str) -> bool:
    """Whether Mediatri takes ``text`` as an ``asiakasViite``."""
    return _REFERENCE.fullmatch(text) is not None


def is_hetu(text: str) -> bool:
    """Whether ``text`` has the form that Mediatri takes for a personal identity code."""
    return _HETU.fullmatch(text) is not None


def unfit(command: Book) -> str | None:
    """Why Mediatri would not take the texts of a booking, or None. They are refused, never bent."""
    for name, text in (("comment", command.comment), ("reason", command.reason)):
        if len(text) > COMMENT_LIMIT:
            return f"{name}: more than {COMMENT_LIMIT} characters"
        if _NOT_XML.search(text):
            return f"{name}: characters that XML does not have"
    return None


def reserve(number: str, time: TimeKey, reference: str) -> Request:
    """VaraaAika: five minutes for patient ``number``; ``time.key`` is the calendar."""
    told = rules()["VaraaAika"].write(wanted(reference, number, time.start, time), Recorder(_SITE))
    return Request("VaraaAika", told, "reserve", reference)


def confirm(command: Book, token: str) -> tuple[Request, tuple[Note, ...]]:
    """VahvistaVaraus of the reservation ``token``."""
    comment, notes = words(command, COMMENT_LIMIT)
    told = rules()["VahvistaVaraus"].write(asked(command) | {"comment": comment}, Recorder(_SITE))
    return Request("VahvistaVaraus", {"varaustunnus": token} | told, "confirm"), notes


def cancel(command: Cancel) -> tuple[Request, tuple[Note, ...]]:
    """PeruAika of a booking."""
    why, notes = shortened(command, REASON_LIMIT, _NOT_XML, "Mediatri")
    told = rules()["PeruAika"].write(asked(command) | {"cancelationReason": {"text": why}}, Recorder(_SITE))
    return Request("PeruAika", told, "cancel", command.placer_id), notes


def release(number: str, reference: str) -> Request:
    """PeruAika of every unconfirmed reservation of patient ``number`` with this reference."""
    told = {"viite": reference, "potilasnumero": number, "asiakasViite": reference}
    return Request("PeruAika", told, "release", reference)


def register(hetu: str, reference: str) -> Request:
    """LuoPotilas: of the person only the HETU is told."""
    return Request("LuoPotilas", {"henkilotunnus": hetu, "asiakasViite": reference}, "register", reference)


def person(hetu: str) -> Request:
    """HaePotilas by HETU."""
    return Request("HaePotilas", {"henkilotunnus": hetu})


def free_times(first: date, last: date, *, calendar: str = "", service: str = "") -> Request:
    """HaeVapaatAjat: from the first local day to the last, both included; at most `DAYS` of them."""
    narrowed = {"palvelu": service, "kalenteri": calendar}
    days = {"alkupaiva": moments.write_date(first), "loppupaiva": moments.write_date(last)}
    return Request("HaeVapaatAjat", days | {name: value for name, value in narrowed.items() if value})


def bookings(*, number: str = "", reference: str = "", patient: str = "") -> Request:
    """HaeAjanvaraukset by Mediatri's number, by our own reference, or of a patient. Name one."""
    criteria = {"varausnumero": number, "asiakasViite": reference, "potilasnumero": patient}
    return Request("HaeAjanvaraukset", {name: value for name, value in criteria.items() if value})
