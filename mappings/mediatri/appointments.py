"""``ajanvaraus`` and ``vapaaAika`` -> Appointments and free times: ``rules/appointments.toml``, and here what a row
cannot say. Source: Mediatri's manual §3, §7, §11 and §14."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final, cast

from canonical import fhir, times
from canonical.fhir import Element as FhirElement
from canonical.model import FreeTime, LocalPatient, Record, TimeKey
from canonical.notes import Note, NoteKind
from mappings.conversions import CONVERSIONS, number, token, word
from mappings.engine.mapping import Message, load
from mappings.engine.recorder import Recorder
from mappings.engine.rules import Conversion, Rule
from mappings.engine.tables import table
from mappings.mediatri import moments
from mappings.mediatri.markup import BadMessage, Element, Fields
from mappings.mediatri.site import Site, schema

_CANCELLATION: Final = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
_ONLINE: Final = "VERKKO"
"""`varaaja`: the patient made the booking, and its text is the patient's."""
_UNIT: Final = "YKSIKKO"


@dataclass(frozen=True, slots=True)
class Found:
    """An Appointment, the HETU of whose it is, and the reference of the client's that it was made with."""

    record: Record
    hetu: str
    reference: str

    def is_about(self, patient: LocalPatient) -> bool:
        """Whether number and HETU are the patient's, as far as either side says them."""
        known = [(self.hetu, patient.hetu), (self.record.patient, patient.number)]
        said = [mine == theirs for mine, theirs in known if mine and theirs]
        return bool(said) and all(said)


def appointment(element: Element, site: Site, recorder: Recorder | None = None) -> Found:
    """The Appointment of an ``ajanvaraus``; raises `BadMessage` where its number, patient or time is missing.

    Its placer id (``codes.PLACER``) is the ``asiakasViite`` it was booked with.
    """
    recorder = recorder or Recorder(site)
    fields = Fields(element, recorder.seen)
    record = rules()["ajanvaraus"].record(fields, recorder)
    return Found(record, fields.text("henkilotunnus"), fields.word("asiakasViite"))


def free_time(element: Element, site: Site, notes: list[Note], recorder: Recorder | None = None) -> FreeTime | None:
    """The free time of a ``vapaaAika``. None, with a note, for one in the hour that summer time skips."""
    recorder = recorder or Recorder(site, notes)
    fields = Fields(element, recorder.seen)
    schedule, service = fields.code("kalenteri"), fields.code("palvelu")
    if moments.is_skipped(fields.fields("alku")):
        recorder.note(NoteKind.DROPPED, "vapaaAika", f"calendar {schedule}: summer time skips its start")
        return None
    slot = rules()["vapaaAika"].read(fields, recorder)
    return FreeTime(
        TimeKey(schedule, times.instant(slot["start"]), times.instant(slot["end"])), service, schedule, slot
    )


@cache
def rules() -> Mapping[str, Message]:
    """The messages about bookings and free times, both ways."""
    masters = "the master says it; nobody tells the master"
    own = {
        "moment": Conversion(_moment, lambda value, rule, recorder: moments.write(times.instant(value))),
        "local-day": Conversion(_day, _undate, "date"),
        "end": Conversion(_end, one_way="a request names a start; how long it takes is the calendar's"),
        "service": Conversion(lambda n, r, to: _service(n, r, to)[0], gives="CodeableConcept", one_way=masters),
        "category": Conversion(lambda n, r, to: _service(n, r, to)[1], gives="CodeableConcept", one_way=masters),
        "places": Conversion(_places, gives="Extension", one_way=masters),
        "change-note": Conversion(_change_note, one_way=masters),
        "cancelation": Conversion(_cancelation, gives="CodeableConcept", one_way="PeruAika has a form of its own"),
        "words": Conversion(_words, one_way="VahvistaVaraus has the patient's only"),
    }
    return load(str(__package__), "appointments.toml", {**CONVERSIONS, **own}, schema().exists)


def _moment(node: Fields, rule: Rule, recorder: Recorder) -> str:
    return times.iso(_read(node, recorder))


def _end(found: tuple[Fields, Fields], rule: Rule, recorder: Recorder) -> str:
    """The start and the minutes, which no change of the clock disturbs."""
    return times.iso(_read(found[0], recorder) + timedelta(minutes=number(found[1], rule)))


def _read(moment: Fields, recorder: Recorder) -> datetime:
    notes: list[Note] = []
    instant = moments.read(moment, notes)
    recorder.say(*notes)
    return instant


def _day(node: Fields, rule: Rule, recorder: Recorder) -> str:
    return moments.read_date(found, rule.path).isoformat() if (found := word(node)) else ""


def _undate(value: str, rule: Rule, recorder: Recorder) -> str:
    return ".".join(reversed(value.split("-")))


def _service(node: Fields, rule: Rule, recorder: Recorder) -> tuple[FhirElement, list[FhirElement]]:
    return cast(Site, recorder.site).service(token(node, rule), rule.path, recorder)


def _places(found: tuple[Fields, Fields], rule: Rule, recorder: Recorder) -> list[FhirElement]:
    left, service = found
    if not (word(left).isascii() and word(left).isdecimal()):
        raise BadMessage(f"{rule.path} is not a number")
    return cast(Site, recorder.site).places(word(service), int(word(left)))


def _is_cancelled(tila: Fields) -> bool:
    return table(str(__package__), "state").get((word(tila),), {}).get("fhir") == "cancelled"


def _change_note(found: tuple[Fields, Fields], rule: Rule, recorder: Recorder) -> str:
    words, tila = found
    if _is_cancelled(tila) or not words.value:
        return ""
    recorder.note(NoteKind.KEPT, rule.path, rule.note)
    return words.value


def _cancelation(found: tuple[Fields, Fields, Fields], rule: Rule, recorder: Recorder) -> FhirElement:
    """Why it was cancelled: the local code with HL7's beside it, and the words of whoever did it."""
    why, tila, words = found
    code = word(why)
    if not _is_cancelled(tila):
        if code:
            recorder.note(NoteKind.DROPPED, rule.path, f"{code}, but it is not cancelled")
        return {}
    row = rule.line(recorder, code)
    codings = [fhir.coding(recorder.uri("cancelation-reason"), code, row["display"] if row else None)] if code else []
    if row is not None:
        codings.append(fhir.coding(_CANCELLATION, row["hl7"]))
    elif code:
        recorder.note(NoteKind.UNKNOWN_CODE, rule.path, f"{code} {rule.note}")
    return fhir.concept(*codings, text=words.value or None)


def _words(found: tuple[Fields, Fields], rule: Rule, recorder: Recorder) -> str:
    """``lisatiedot`` is the patient's comment or, where the unit made the booking, the unit's description."""
    text, who = found[0].value, word(found[1])
    if not text or (who == _ONLINE) is (rule.target[-1].name != "comment"):
        return ""
    if who not in (_ONLINE, _UNIT):
        recorder.note(NoteKind.UNKNOWN_CODE, "ajanvaraus/varaaja", rule.note)
    return text
