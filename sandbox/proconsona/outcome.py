"""Answers and refusals: every error of INTERFACE.md §11."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from lxml import etree


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is wrong: an XPath, `?parameter` or `@header`; PUUTTUU, YLIMAARAINEN or ARVO."""

    path: str
    code: str


class Error(NamedTuple):
    """HTTP status and text of an error."""

    status: int
    text: str


ERRORS: Final[Mapping[str, Error]] = {
    "EI_XML": Error(400, "Sanoma ei ole tähän osoitteeseen kuuluvaa, hyvin muodostettua XML:ää (UTF-8)."),
    "DTD_KIELLETTY": Error(400, "Dokumenttityypin määrittely (DTD) ei ole sallittu."),
    "SKEEMA": Error(400, "Sanoma ei ole skeeman mukainen."),
    "PARAMETRI": Error(400, "Parametri tai otsake on tuntematon tai sen arvo ei kelpaa."),
    "JATKO": Error(400, "Jatko ei ole tämän luettelon antama."),
    "HAKU_LIIAN_LAAJA": Error(400, "Rajaa haku: enintään 62 päivää kerralla."),
    "HETU_OSOITTEESSA": Error(400, "Henkilötunnus ei saa olla osoitteessa eikä otsakkeessa."),
    "TUNNISTUS_PUUTTUU": Error(401, "Tunnistusotsake puuttuu tai on kahdesti."),
    "AVAIN_TUNTEMATON": Error(401, "Avain on tuntematon."),
    "AIKA_POIKKEAA": Error(401, "Allekirjoituksen aika ei kelpaa tai poikkeaa palvelimen kellosta yli 300 s."),
    "TIIVISTE_VAARA": Error(401, "Tiiviste ei ole sanoman."),
    "ALLEKIRJOITUS_VAARA": Error(401, "Allekirjoitus ei ole oikea."),
    "EI_LOYDY": Error(404, "Ei löydy."),
    "EI_SALLITTU": Error(405, "Menetelmä ei ole sallittu."),
    "EI_HYVAKSYTTAVA": Error(406, "Vastaus on XML:ää."),
    "HIDAS": Error(408, "Pyyntö ei tullut perille ajoissa."),
    "VERSIO": Error(409, "Tietue on muuttunut."),
    "AIKA_VARATTU": Error(409, "Aika on varattu."),
    "OMA_AIKA": Error(409, "Asiakkaalla on jo tämä aika."),
    "AVAIN_KESKEN": Error(409, "Saman avaimen edellinen pyyntö on kesken."),
    "LIIAN_SUURI": Error(413, "Sanoma on yli 256 KiB."),
    "SISALTOTYYPPI": Error(415, "Sisältötyyppi ei kelpaa."),
    "TUNTEMATON_ASIAKAS": Error(422, "Asiakasta ei ole."),
    "TUNTEMATON_AIKA": Error(422, "Aikaa ei ole."),
    "AIKA_MENNYT": Error(422, "Aika on mennyt."),
    "TOINEN_PALVELU": Error(422, "Ajan voi vaihtaa vain saman palvelun sisällä."),
    "EI_MUUTOSTA": Error(422, "Tapaaminen on jo tässä ajassa."),
    "TILA_EI_SALLI": Error(422, "Tapaamisen tila ei salli muutosta."),
    "TAPAAMINEN_MENNYT": Error(422, "Tapaaminen on alkanut."),
    "AVAIN_KAYTETTY": Error(422, "Avainta on käytetty toiseen sanomaan."),
    "OSOITE_EI_KAY": Error(422, "Osoite ei kelpaa."),
    "LIIKAA_PYYNTOJA": Error(429, "Liikaa pyyntöjä."),
    "VIRHE": Error(500, "Virhe ProConsonassa. Työ on voitu tehdä tai jättää tekemättä."),
    "EI_KAYTETTAVISSA": Error(503, "ProConsona ei ole nyt käytettävissä."),
}


class Refusal(Exception):
    """The request is answered with an error of ERRORS. `record` is a `tapaaminen` to show with it."""

    def __init__(
        self,
        code: str,
        *,
        places: Sequence[Place] = (),
        record: etree._Element | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.places = tuple(places)
        self.record = record
        self.headers = dict(headers or {})
        self.status = ERRORS[code].status if status is None else status

    @property
    def text(self) -> str:
        """The error's text for people, in Finnish."""
        return ERRORS[self.code].text


def bad_parameter(name: str) -> Refusal:
    """Return the refusal of a query parameter, or of a header when the name begins with `@`."""
    path = name if name.startswith("@") else f"?{name}"
    return Refusal("PARAMETRI", places=[Place(path, "ARVO")] if name else [])


def of_status(status: int) -> Refusal:
    """Return the error that ProConsona, or a proxy before it, sends with a status asked for by a fault."""
    by_status = {error.status: code for code, error in reversed(list(ERRORS.items()))}
    code = by_status.get(status, "EI_KAYTETTAVISSA" if status in (502, 504) else "VIRHE")
    headers = {429: {"retry-after": "1"}, 401: {"www-authenticate": "PC-HMAC-SHA256"}}.get(status, {})
    return Refusal(code, headers=headers, status=status)
