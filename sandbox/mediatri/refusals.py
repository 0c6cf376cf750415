"""Why Mediatri answers with a fault (INTERFACE.md §2, §4). No text names a person or repeats what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLIENT: Final = "soap:Client"
SERVER: Final = "soap:Server"


@dataclass(frozen=True, slots=True)
class _Error:
    faultcode: str
    text: str


ERRORS: Final = {
    "AIKA_VARATTU": _Error(CLIENT, "Aika on varattu."),
    "VARAUS_VANHENTUNUT": _Error(CLIENT, "Varaus on vanhentunut. Varaa aika uudelleen."),
    "VARAUS_MUUTTUNUT": _Error(CLIENT, "Varaus on muuttunut. Hae se uudelleen."),
    "EI_PERUTTAVISSA": _Error(CLIENT, "Varausta ei voi enää perua."),
    "TUNTEMATON_AIKA": _Error(CLIENT, "Aikaa ei ole."),
    "TUNTEMATON_VARAUS": _Error(CLIENT, "Potilaalla ei ole tällaista varausta."),
    "TUNTEMATON_POTILAS": _Error(CLIENT, "Potilas ei ole asiakkaana."),
    "TUNTEMATON_HENKILO": _Error(CLIENT, "Henkilöä ei ole väestötietojärjestelmässä."),
    "POTILAS_ON_JO": _Error(CLIENT, "Potilas on jo asiakkaana."),
    "KURSORI_VANHENTUNUT": _Error(CLIENT, "Kursori on vanhentunut. Aloita alusta."),
    "EI_OIKEUTTA": _Error(CLIENT, "Käyttäjällä ei ole oikeutta toimintoon."),
    "VIRHEELLINEN_PYYNTO": _Error(CLIENT, "Pyyntö ei ole rajapinnan mukainen."),
    "JARJESTELMAVIRHE": _Error(SERVER, "Järjestelmävirhe."),
}
"""The codes of a fault's detail."""

ENVELOPE_TEXTS: Final = {
    "soap:Client": "The message is not a SOAP 1.1 envelope that can be read.",
    "soap:VersionMismatch": "The envelope is not of SOAP 1.1.",
    "soap:MustUnderstand": "A header block that must be understood is not.",
    "wsse:InvalidSecurity": "The security header is missing or not in order.",
    "wsse:UnsupportedSecurityToken": "Only a UsernameToken with a PasswordDigest is supported.",
    "wsse:FailedAuthentication": "The user could not be authenticated.",
    "wsse:MessageExpired": "The message was created too long ago, or in the future.",
}
"""The fault codes that come without a detail."""


class Refusal(Exception):
    """The request is answered with a fault of ERRORS. `where` is the element to blame, `reference` an asiakasViite."""

    def __init__(self, code: str, where: str = "", *, reference: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.where = where
        self.reference = reference


class EnvelopeFault(Exception):
    """The envelope or the authentication is answered with a fault of ENVELOPE_TEXTS."""

    def __init__(self, faultcode: str, *, closing: bool = False) -> None:
        super().__init__(faultcode)
        self.faultcode = faultcode
        self.closing = closing


class HttpRefusal(Exception):
    """The request is answered by HTTP alone, without a body."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def invalid(where: str = "") -> Refusal:
    """Return the refusal of a request whose form or values are not those of the interface."""
    return Refusal("VIRHEELLINEN_PYYNTO", where)
