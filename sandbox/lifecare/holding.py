"""Slot/{id}/$hold and $release (INTERFACE.md §6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from sandbox.engine import errors
from sandbox.engine.model import Hold
from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.lifecare.outcome import FHIR_JSON, Refusal
from sandbox.lifecare.reading import Node, read_placer
from sandbox.lifecare.resources import Resources, slot_id
from sandbox.lifecare.slots import Slots

HOLD_SECONDS: Final = 600.0

_PARAMETER: Final = ("name", "valueReference", "valueIdentifier", "valueString")
_OTHERS: Final = ("id", "extension", "modifierExtension", "resource", "part")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A hold as asked for: `reference` is the client's own id as one text, "" for none."""

    slot: str
    patient: str
    reference: str


class Holding:
    """The holds of one installation's times."""

    def __init__(self, system: RecordSystem, resources: Resources, slots: Slots) -> None:
        self._system = system
        self._resources = resources
        self._slots = slots

    def read_hold(self, slot: str, resource: Node) -> Wanted:
        """Return what a `$hold` asks for. Raises Refusal for its form."""
        given = _parameters(resource, ("patient", "identifier"))
        if "patient" not in given:
            raise Refusal("MISSING_ELEMENT", "Parameters.parameter")
        patient = given["patient"].child("valueReference").reference("Patient")
        if "identifier" not in given:
            return Wanted(slot, patient, "")
        return Wanted(slot, patient, "|".join(read_placer(given["identifier"].child("valueIdentifier"))))

    def hold(self, wanted: Wanted) -> Answer:
        """Hold a time, or answer the live hold of the same identifier. Raises Refusal (404, 409, 422)."""
        place = self._slots.place(wanted.slot)
        if place is None:
            raise Refusal("NOT_FOUND")
        calendar, start, _ = place
        known = self._system.find_hold(wanted.reference)
        if known is not None and known.appointment is None:
            if (known.patient, slot_id(known.calendar, known.start)) != (wanted.patient, wanted.slot):
                raise Refusal("HOLD_NOT_VALID", "Parameters.parameter")
            return self._answer(wanted.slot, known)
        if start.timestamp() <= self._system.clock.now().timestamp():
            raise Refusal("SLOT_PAST")
        try:
            made = self._system.hold(
                wanted.patient, calendar.id, start, seconds=HOLD_SECONDS, reference=wanted.reference
            )
        except errors.UnknownPatient as err:
            raise Refusal("UNKNOWN_PATIENT", "Parameters.parameter") from err
        except errors.SlotTaken as err:
            raise Refusal("ALREADY_BOOKED" if err.held_by_same_patient else "SLOT_TAKEN") from err
        except errors.NoSuchTime as err:
            raise Refusal("NOT_FOUND") from err
        return self._answer(wanted.slot, made)

    def read_release(self, resource: Node) -> str:
        """Return the token that a `$release` names. Raises Refusal for its form."""
        given = _parameters(resource, ("token",))
        if "token" not in given:
            raise Refusal("MISSING_ELEMENT", "Parameters.parameter")
        return given["token"].text("valueString", limit=64)

    def release(self, slot: str, token: str) -> Answer:
        """Free a held time; nothing to free is no error. Raises Refusal (404, or 409 for another time's token)."""
        if self._slots.place(slot) is None:
            raise Refusal("NOT_FOUND")
        hold = self._system.hold_of(token)
        if hold is not None and slot_id(hold.calendar, hold.start) != slot:
            raise Refusal("HOLD_NOT_VALID", "Parameters.parameter")
        self._system.release(token)
        return self._answer(slot, None)

    def holder(self, token: str) -> str | None:
        """Return the patient number a token's hold is for, or None."""
        hold = self._system.hold_of(token)
        return None if hold is None else hold.patient

    def _answer(self, slot: str, hold: Hold | None) -> Answer:
        return Answer(200, orjson.dumps(self._slots.read(slot, hold)), {"content-type": FHIR_JSON})


def _parameters(resource: Node, names: tuple[str, ...]) -> dict[str, Node]:
    """Return the parameters by name. Raises Refusal for unknown or repeated ones."""
    resource.only(("resourceType", "parameter"), ("id", "meta", "implicitRules", "language"))
    found: dict[str, Node] = {}
    for parameter in resource.children("parameter"):
        parameter.only(_PARAMETER, _OTHERS)
        name = parameter.text("name", limit=64)
        if name not in names or name in found:
            raise Refusal("BAD_VALUE", parameter.at("name"))
        found[name] = parameter
    return found
