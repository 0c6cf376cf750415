"""What a request says and no record system carries: named to the client, never swallowed.

What would change the meaning of a booking is refused instead (`hub.api.bodies`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from canonical import fhir, hetu
from canonical.fhir import Element, Resource

CONCEPTS: Final = ("serviceType", "serviceCategory", "specialty", "appointmentType")
"""What the record system says of a time: a booking may say the same, and the record system's own words come back."""

_PLACED: Final = frozenset(
    {"identifier", "status", "slot", "start", "end", "minutesDuration", "participant", "comment", "reasonCode"}
    | {*CONCEPTS}
)
_READ_OVER: Final = frozenset({"resourceType", "id", "meta", "text", "language"})
"""The hub's own, as FHIR wants it of a create."""
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "identifier": frozenset({"system", "value"}),
    "reasonCode": frozenset({"text"}),
    "slot": frozenset({"reference", "type", "display"}),
    "participant": frozenset({"actor", "type", "required", "status"}),
}
_ACTOR: Final = frozenset({"reference", "type", "display"})


def unplaced(booking: Resource) -> list[str]:
    """The elements (FHIRPath) of a valid booking for which no record system has a place."""
    found = [_path("Appointment", name) for name in booking if name not in _PLACED | _READ_OVER]
    found += [f"Appointment.meta.{name}" for name in ("security", "tag") if booking.get("meta", {}).get(name)]
    for name, known in _PARTS.items():
        for i, one in enumerate(booking.get(name, ())):
            found += _others(f"Appointment.{name}[{i}]", one, known)
            if name == "participant":
                found += _others(f"Appointment.{name}[{i}].actor", one.get("actor", {}), _ACTOR)
    return found


def missing(booking: Resource, confirmed: Resource, base: str) -> list[str]:
    """The elements of a valid booking that the Appointment which was ``confirmed`` does not bear out.

    References of the booking may begin with ``base``, this API's own URL.
    """
    same = {f"Appointment.{name}" for name, value in booking.items() if confirmed.get(name) == value}
    return [
        *(path for path in unplaced(booking) if path not in same),
        *_contradicted(booking, confirmed),
        *_absent(booking, confirmed, base),
        *_unsaid(booking, confirmed),
    ]


def concepts(resource: Resource) -> Iterator[tuple[str, str, Element]]:
    """Name, place (FHIRPath) and value of every concept that the record system, too, says of a time."""
    for name in CONCEPTS:
        value = resource.get(name, ())
        if isinstance(value, list):
            yield from ((name, f"Appointment.{name}[{i}]", one) for i, one in enumerate(value))
        elif value:
            yield name, f"Appointment.{name}", value


def _others(path: str, element: Element, known: frozenset[str]) -> list[str]:
    return [_path(path, name) for name in element if name not in known and name != "id"]


def _path(parent: str, name: str) -> str:
    """The place of a property: what stands under ``_name`` are the extensions of a primitive element."""
    return f"{parent}.{name[1:]}.extension" if name.startswith("_") else f"{parent}.{name}"


def _contradicted(booking: Resource, confirmed: Resource) -> Iterator[str]:
    there: dict[str, list[Element]] = {}
    for name, _, concept in concepts(confirmed):
        there.setdefault(name, []).append(concept)
    for name, path, concept in concepts(booking):
        if not any(_agree(concept, one) for one in there.get(name, ())):
            yield path


def _agree(one: Element, other: Element) -> bool:
    """Whether two concepts share a code, or a text where a code is not there."""
    there = set(fhir.codes([other]))
    given = set(fhir.codes([one]))
    if given:
        return any(pair in there or (not pair[0] and pair[1] in {code for _, code in there}) for pair in given)
    return bool(set(_words(one)) & set(_words(other)))


def _words(concept: Element) -> Iterator[str]:
    texts = [concept.get("text"), *(one.get("display") for one in concept.get("coding", ()))]
    return (text.casefold() for text in texts if text)


def _absent(booking: Resource, confirmed: Resource, base: str) -> Iterator[str]:
    """Participants who do not take part."""
    there = {actor.get("reference") for actor in _actors(confirmed)}
    for i, actor in enumerate(_actors(booking)):
        if actor.get("reference", "").removeprefix(f"{base}/") not in there:
            yield f"Appointment.participant[{i}].actor"


def _actors(resource: Resource) -> Sequence[Element]:
    return [one.get("actor", {}) for one in resource.get("participant", ())]


def _unsaid(booking: Resource, confirmed: Resource) -> Iterator[str]:
    """The resident's own words that are nowhere in the answer (a HETU among them comes back masked)."""
    said = [confirmed.get("comment", ""), *(one.get("text", "") for one in confirmed.get("reasonCode", ()))]
    words = " ".join(_plain(said))
    reasons = enumerate(booking.get("reasonCode", ()))
    texts = [(f"Appointment.reasonCode[{i}].text", one.get("text", "")) for i, one in reasons]
    for path, text in [("Appointment.comment", booking.get("comment", "")), *texts]:
        if " ".join(_plain([text])) not in words:
            yield path


def _plain(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in hetu.mask(text).split()]


def unsaid(change: Resource, answered: Resource) -> list[str]:
    """The resident's new words, in a move or an answer to a proposal, that are nowhere in the answer."""
    return [path for path in _unsaid(change, answered) if path == "Appointment.comment"]


def not_carried(cancellation: Mapping[str, Any]) -> list[str]:
    """The elements of a cancellation that no record system has a place for."""
    reason = cancellation.get("cancelationReason", {})
    return [_path("Appointment.cancelationReason", name) for name in reason if name not in ("text", "id")]
