"""Which installations there are, and which systems they run. Adding an installation is a data file; a system, a row.

`data/<installation>.toml` says what is there besides people; SYSTEMS says how each system is spoken to and where its
face is made.
"""

from __future__ import annotations

import importlib
import secrets
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from functools import cache
from pathlib import Path
from typing import Final, cast
from uuid import NAMESPACE_OID, uuid5

from pydantic import BaseModel, ConfigDict, model_validator

from sandbox.canonical import Volatile
from sandbox.engine.model import Service, Unit
from sandbox.face import FaceMaker, Option

DATA: Final = Path(__file__).parent / "data"
INSTALLATIONS: Final = (
    "lifecare-porvoo",
    "pegasos-loviisa",
    "lifecare-porvoo-sosiaali",
    "lifecare-askola",
    "mediatri-loviisa",
    "mediatri-sipoo",
    "proconsona-loviisa",
    "proconsona-sipoo",
    "proconsona-askola",
)
"""The installations of the default sandbox, in the order of their ports."""

Credentials = dict[str, str]


@dataclass(frozen=True, slots=True)
class System:
    """How a kind of system is spoken to. `new_credentials` makes secrets; `public` is what a foreign client is told.

    `delivery` is the vendor's delivery note beside the address: of what `public` tells and of the installation's own
    options, what an integration is configured with. `proposals`: its interface knows appointments that the desk offers
    and the resident accepts.
    """

    protocol: str
    manual: str
    face: str
    address: Callable[[str, int, Mapping[str, str]], str]
    new_credentials: Callable[[str], Credentials]
    public: Callable[[str, int, Mapping[str, str]], Credentials]
    delivery: Callable[[Mapping[str, str], Mapping[str, Option]], Credentials]
    proposals: bool = False

    def face_maker(self) -> FaceMaker:
        """Return the `make_face` of the system; its module is imported now, and not before."""
        return cast(FaceMaker, importlib.import_module(self.face).make_face)

    def volatile(self) -> Sequence[Volatile]:
        """Return what of the system's wire is another in every run (its package's `volatile.py`)."""
        package = self.face.rpartition(".")[0]
        return cast(Sequence[Volatile], importlib.import_module(f"{package}.volatile").VOLATILE)


def _lifecare_credentials(_: str) -> Credentials:
    return {"client_id": "sotesilta", "client_secret": secrets.token_urlsafe(32)}


def _lifecare_public(host: str, port: int, credentials: Mapping[str, str]) -> Credentials:
    return {**credentials, "token_url": f"http://{host}:{port}/oauth2/token"}


def _lifecare_delivery(public: Mapping[str, str], options: Mapping[str, Option]) -> Credentials:
    return {**public, "root": f"urn:oid:{options['root']}"}


def _pegasos_credentials(installation: str) -> Credentials:
    return {
        "sending_application": "SOTESILTA",
        "sending_facility": "ITAUUSIMAA",
        "receiving_application": "PEGASOS",
        "receiving_facility": installation.removeprefix("pegasos-").upper(),
    }


def _proconsona_credentials(_: str) -> Credentials:
    # Every Palvelutehtävä of the manual but child protection (3).
    return {"api_key": "sotesilta", "secret": secrets.token_urlsafe(32), "service_tasks": "1 2 4 5 6 7"}


_OVER_TLS: Final = {"tls_ca": "ca_file", "tls_client_certificate": "certificate", "tls_client_key": "certificate_key"}
"""What a client needs for mutual TLS (file names): as the credentials name it, and as the delivery note does."""


def _proconsona_public(host: str, port: int, credentials: Mapping[str, str]) -> Credentials:
    told = ("api_key", "secret", "service_tasks", *_OVER_TLS)
    return {name: credentials[name] for name in told if name in credentials}


def _proconsona_address(host: str, port: int, credentials: Mapping[str, str]) -> str:
    scheme = "https" if "tls_certificate" in credentials else "http"
    return f"{scheme}://{host}:{port}/rajapinta/v3"


def _proconsona_delivery(public: Mapping[str, str], _: Mapping[str, Option]) -> Credentials:
    over_tls = {option: public[name] for name, option in _OVER_TLS.items() if name in public}
    return {"api_key": public["api_key"], "secret": public["secret"], **over_tls}


def _mediatri_credentials(_: str) -> Credentials:
    return {"username": "sotesilta", "password": secrets.token_urlsafe(24)}


def _mediatri_public(host: str, port: int, credentials: Mapping[str, str]) -> Credentials:
    return {**credentials, "wsdl": f"http://{host}:{port}/ws/Ajanvaraus?wsdl"}


def _named(*names: str) -> Callable[[Mapping[str, str], Mapping[str, Option]], Credentials]:
    """Return a delivery note that holds what is told a client under these names."""
    return lambda public, _: {name: public[name] for name in names}


SYSTEMS: Final[Mapping[str, System]] = {
    "lifecare": System(
        protocol="FHIR R4 over REST",
        manual="sandbox/lifecare/INTERFACE.md",
        face="sandbox.lifecare.face",
        address=lambda host, port, _: f"http://{host}:{port}/fhir",
        new_credentials=_lifecare_credentials,
        public=_lifecare_public,
        delivery=_lifecare_delivery,
    ),
    "pegasos": System(
        protocol="HL7 v2.4 over MLLP",
        manual="sandbox/pegasos/INTERFACE.md",
        face="sandbox.pegasos.face",
        address=lambda host, port, _: f"mllp://{host}:{port}",
        new_credentials=_pegasos_credentials,
        public=lambda host, port, credentials: dict(credentials),
        delivery=_named("sending_application", "sending_facility", "receiving_application", "receiving_facility"),
    ),
    "mediatri": System(
        protocol="SOAP 1.1",
        manual="sandbox/mediatri/INTERFACE.md",
        face="sandbox.mediatri.face",
        address=lambda host, port, _: f"http://{host}:{port}/ws/Ajanvaraus",
        new_credentials=_mediatri_credentials,
        public=_mediatri_public,
        delivery=_named("username", "password"),
    ),
    "proconsona": System(
        protocol="REST with XML",
        manual="sandbox/proconsona/INTERFACE.md",
        face="sandbox.proconsona.face",
        address=_proconsona_address,
        new_credentials=_proconsona_credentials,
        public=_proconsona_public,
        delivery=_proconsona_delivery,
        proposals=True,
    ),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdSeries(_Strict):
    """Ids of one kind: a prefix and a running number, or a UUID (version 5) made of the two."""

    prefix: str
    first: int
    uuid: bool = False

    def make(self, index: int) -> str:
        """Return the id at a place of the series, from 0."""
        name = f"{self.prefix}{self.first + index}"
        return str(uuid5(NAMESPACE_OID, name)) if self.uuid else name


class Ids(_Strict):
    """The series of one installation. `visit` is for test persons' visits, `seeded` for what a day opens with."""

    patient: IdSeries
    calendar: IdSeries
    professional: IdSeries
    visit: IdSeries
    appointment: IdSeries
    seeded: IdSeries


class Hours(_Strict):
    """One calendar of a member of staff: local wall-clock hours on `weekdays` (Monday 0)."""

    service: str
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    opens: time = time(8)
    closes: time = time(16)


class Post(_Strict):
    """One member of staff, without a name: the seed gives one. The first language is the mother tongue."""

    title_fi: str
    title_sv: str
    unit: str
    languages: tuple[str, ...]
    calendars: tuple[Hours, ...]


class InstallationData(_Strict):
    """What `data/<installation>.toml` says."""

    name: str
    system: str
    release: str
    municipalities: tuple[str, ...]
    sectors: tuple[str, ...]
    ids: Ids
    units: tuple[Unit, ...]
    services: tuple[Service, ...]
    staff: tuple[Post, ...]
    options: dict[str, Option] = {}

    @model_validator(mode="after")
    def _known_names(self) -> InstallationData:
        units, services = {unit.id for unit in self.units}, {service.code for service in self.services}
        for post in self.staff:
            strangers = [post.unit] if post.unit not in units else []
            strangers += [hours.service for hours in post.calendars if hours.service not in services]
            if strangers:
                raise ValueError(f"{self.name}: staff names {strangers}, which is no unit or service of this file")
        if self.system not in SYSTEMS:
            raise ValueError(f"{self.name}: no system {self.system!r} in SYSTEMS")
        return self


def all_names() -> list[str]:
    """Return the name of every installation that has a data file, those of the default sandbox first."""
    names = {path.stem for path in DATA.glob("*-*.toml")}
    return [*INSTALLATIONS, *sorted(names - set(INSTALLATIONS))]


def has_data(name: str) -> bool:
    """Return whether there is a data file for an installation of this name."""
    return name in all_names()


@cache
def load_installation(name: str) -> InstallationData:
    """Return the data of one installation. Raises pydantic.ValidationError for a data file that is not right."""
    return InstallationData.model_validate(tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8")))
