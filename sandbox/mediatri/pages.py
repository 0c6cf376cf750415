"""Records as the interface writes them: bookings, times, patients, the directory (INTERFACE.md §5-§7, §11)."""

from __future__ import annotations

from typing import Final

from sandbox.engine.model import Appointment, Calendar, FreeTime, Patient, Professional, Service, Status, Unit
from sandbox.engine.system import RecordSystem
from sandbox.mediatri.kept import Kept
from sandbox.mediatri.localtime import write_day, write_moment
from sandbox.mediatri.markup import Fields

MOVED: Final = "ASIAKAS_SIIRSI"
CANCELLED_BY_UNIT: Final = "YKSIKKO_PERUI"

STATES: Final = {
    Status.BOOKED: "VARATTU",
    Status.CANCELLED: "PERUTTU",
    Status.FULFILLED: "TOTEUTUNUT",
    Status.NOSHOW: "EI_SAAPUNUT",
}
"""The states this interface knows. An appointment in another one is not a booking yet, and is not shown."""

_SECTORS: Final = {"health": "TERVEYS", "oral": "SUUN"}


def is_shown(one: Appointment) -> bool:
    """Whether an appointment is a booking of this interface."""
    return one.status in STATES


def booking(system: RecordSystem, one: Appointment) -> Fields:
    """Return the content of an `ajanvaraus`."""
    patient = system.patient(one.patient)
    assert patient is not None
    kept = Kept.of(one)
    cancelled = one.status is Status.CANCELLED
    cause = (kept.cause or CANCELLED_BY_UNIT) if cancelled else ""
    return [
        ("varausnumero", one.id),
        ("asiakasViite", one.placer_id or ""),
        ("perumisViite", kept.cancelled_by),
        ("tila", "SIIRRETTY" if cause == MOVED else STATES[one.status]),
        ("potilasnumero", patient.number),
        ("henkilotunnus", patient.hetu),
        *_place(system.calendars[one.calendar]),
        ("alku", write_moment(one.start)),
        ("kesto", _minutes(one)),
        ("lisatiedot", one.text),
        ("varaaja", "VERKKO" if one.booked_by == "interface" else "YKSIKKO"),
        ("peruutussyy", cause),
        ("selite", one.reason),
        ("nayttorajoitus", "" if one.restriction_parent is None else str(one.restriction_parent)),
        ("julkaisupaiva", "" if one.release_date is None else write_day(one.release_date)),
        ("luotu", write_moment(one.created)),
        ("muutettu", write_moment(one.updated)),
    ]


def free_time(system: RecordSystem, time: FreeTime) -> Fields:
    """Return the content of a `vapaaAika`."""
    return [
        *_place(system.calendars[time.calendar]),
        ("alku", write_moment(time.start)),
        ("kesto", _minutes(time)),
        ("paikkoja", str(time.left)),
    ]


def patient(one: Patient) -> Fields:
    """Return the content of a `potilas`."""
    return [
        ("potilasnumero", one.number),
        ("henkilotunnus", one.hetu),
        ("sukunimi", one.family),
        ("etunimet", one.given),
        ("syntymaaika", write_day(one.birth_date)),
        ("asiointikieli", one.language),
        ("kotikunta", one.municipality),
        ("lahiosoite", one.street),
        ("postinumero", one.postal_code),
        ("postitoimipaikka", one.city),
        ("puhelin", one.phone),
        ("sahkoposti", one.email or ""),
        ("turvakielto", _flag(one.non_disclosure)),
        ("asiakkaana", write_day(one.registered.date())),
    ]


def unit(one: Unit) -> Fields:
    """Return the content of a `yksikko`."""
    return [
        ("tunnus", one.id),
        ("oid", one.oid),
        ("nimi", _name(one.name_fi, one.name_sv)),
        ("kunta", one.municipality),
        ("lahiosoite", one.street),
        ("postinumero", one.postal_code),
        ("postitoimipaikka", one.city),
        ("puhelin", one.phone),
    ]


def service(one: Service) -> Fields:
    """Return the content of a `palvelu`."""
    return [
        ("tunnus", one.code),
        ("nimi", _name(one.name_fi, one.name_sv)),
        ("sektori", _SECTORS[one.sector]),
        ("kesto", str(one.minutes)),
        ("ryhma", _flag(one.capacity > 1)),
        ("paikkoja", str(one.capacity)),
        ("palvelunimike", one.national_code or ""),
        ("palveluluokka", one.category or ""),
    ]


def professional(one: Professional) -> Fields:
    """Return the content of an `ammattihenkilo`."""
    return [
        ("tunnus", one.id),
        ("rekisterinumero", one.register_number),
        ("sukunimi", one.family),
        ("etunimi", one.given),
        ("nimike", _name(one.title_fi, one.title_sv)),
        ("yksikko", one.unit),
        *(("kieli", language) for language in one.languages),
    ]


def calendar(one: Calendar) -> Fields:
    """Return the content of a `kalenteri` of the directory."""
    return [("tunnus", one.id), *_place(one)[1:]]


def _place(one: Calendar) -> list[tuple[str, str]]:
    return [
        ("kalenteri", one.id),
        ("yksikko", one.unit),
        ("palvelu", one.service),
        ("ammattihenkilo", one.professional),
    ]


def _minutes(time: Appointment | FreeTime) -> str:
    # By timestamps: the difference of two local times is wrong over a summer-time night.
    return str(round((time.end.timestamp() - time.start.timestamp()) / 60))


def _name(finnish: str, swedish: str) -> Fields:
    return [("fi", finnish), ("sv", swedish)]


def _flag(value: bool) -> str:
    return "K" if value else "E"
