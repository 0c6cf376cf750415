"""MFQ^M01: the master files of units, professionals, services and calendars (manual section 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sandbox.engine.model import Calendar, Professional, Service, Unit
from sandbox.pegasos import answers
from sandbox.pegasos.er7 import components, escape, segment
from sandbox.pegasos.messages import Request
from sandbox.pegasos.pages import (
    NOMENCLATURE_OID,
    location_field,
    professional_field,
    schedule_field,
)
from sandbox.pegasos.persons import telephone
from sandbox.pegasos.queries import asked
from sandbox.pegasos.refusals import Refusal
from sandbox.pegasos.work import Conduct, Done, Job, Office

SOTE_OID: Final = "1.2.246.537.6.50"

Entry = list[str]
"""The segments of one entry of a master file, MFE first."""


def prepare_directory(office: Office, request: Request) -> Job:
    """Return the job of an MFQ^M01."""

    def run(conduct: Conduct) -> Done:
        what, name = asked(request)
        qrd = request.the("QRD")
        if what != "OTH":
            raise Refusal("M04", qrd.place(9))
        if name not in _FILES:
            raise Refusal("M04", qrd.place(10))
        title, table, write = _FILES[name]
        entries = write(office)
        mfi = segment("MFI", [(1, components(name, title, table)), (2, "PEGASOS"), (3, "REP"), (6, "NE")])
        qak = answers.found(qrd.text(4), hits=len(entries), given=len(entries), remaining=0)
        return Done([qak, answers.repeated(qrd), mfi, *(one for entry in entries for one in entry)])

    return Job("directory", None, run)


def _units(office: Office) -> list[Entry]:
    return [_unit(office, unit) for unit in office.system.units.values()]


def _unit(office: Office, unit: Unit) -> Entry:
    organization = f"{components(unit.name_fi, 'D')}^^^^^^&{escape(unit.oid)}&ISO"
    address = components(unit.street, "", unit.city, "", unit.postal_code, "FIN", "B", "", unit.municipality)
    values = [
        (1, components(unit.id, "", "", office.facility)),
        (2, escape(unit.name_fi)),
        (3, "C"),
        (4, organization),
        (5, address),
        (6, telephone(unit.phone, "WPN", "PH")),
    ]
    return [_mfe(escape(unit.id), "PL"), segment("LOC", values), *_names(unit.name_fi, unit.name_sv)]


def _professionals(office: Office) -> list[Entry]:
    return [_professional(one) for one in office.system.professionals.values()]


def _professional(one: Professional) -> Entry:
    key = components(one.id, f"{one.family} {one.given}", "99PEGHLO")
    stf = [
        (1, key),
        (3, components(one.family, one.given, "", "", "", "", "L")),
        (7, "A"),
        (8, components(one.unit, "", "99PEGYKS")),
        (18, escape(one.title_fi)),
    ]
    pra = [(1, key), (6, components(one.register_number, "TERHIKKI"))]
    languages = segment("ZHL", [(1, "~".join(escape(language) for language in one.languages))])
    return [_mfe(key, "CE"), segment("STF", stf), segment("PRA", pra), *_names(one.title_fi, one.title_sv), languages]


def _services(office: Office) -> list[Entry]:
    return [_service(one) for one in office.system.services.values()]


def _service(one: Service) -> Entry:
    key = components(one.code, one.name_fi, "99PEGPAL")
    national = [
        components(code, "", oid)
        for code, oid in ((one.national_code, NOMENCLATURE_OID), (one.category, SOTE_OID))
        if code
    ]
    cdm = segment("CDM", [(1, key), (2, "~".join(national)), (3, escape(one.name_fi))])
    zpv = segment("ZPV", [(1, str(one.minutes)), (2, str(one.capacity)), (3, escape(one.sector))])
    return [_mfe(key, "CE"), cdm, *_names(one.name_fi, one.name_sv), zpv]


def _calendars(office: Office) -> list[Entry]:
    return [_calendar(office, one) for one in office.system.calendars.values()]


def _calendar(office: Office, one: Calendar) -> Entry:
    system = office.system
    professional, service = system.professionals[one.professional], system.services[one.service]
    key = schedule_field(one, professional, service)
    zka = [
        (1, key),
        (2, professional_field(professional)),
        (3, location_field(system.units[one.unit], office.facility)),
        (4, components(service.code, service.name_fi, "99PEGPAL")),
    ]
    return [_mfe(key, "CE"), segment("ZKA", zka)]


def _mfe(key: str, key_type: str) -> str:
    return segment("MFE", [(1, "MAD"), (4, key), (5, key_type)])


def _names(finnish: str, swedish: str) -> list[str]:
    return [
        segment("ZKI", [(1, "1"), (2, "fi"), (3, escape(finnish))]),
        segment("ZKI", [(1, "2"), (2, "sv"), (3, escape(swedish))]),
    ]


_FILES: Final[dict[str, tuple[str, str, Callable[[Office], list[Entry]]]]] = {
    "LOC": ("Units", "HL70175", _units),
    "PRA": ("Professionals", "HL70175", _professionals),
    "CDM": ("Services", "HL70175", _services),
    "ZKA": ("Calendars", "99PEG", _calendars),
}
