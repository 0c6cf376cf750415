"""From an Appointment in a request to what the hub is asked to do.

Three steps, each with its own answer: is it JSON (400), is it valid R4 (400), is it something this API carries and may
do (422, 403). Nothing a client sends is dropped unsaid: what is valid but not carried is named (`hub.api.carried`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from canonical import codes, fhir, hetu, strict_json, times
from canonical.validate import Finding, validate
from hub.access import Access
from hub.api import carried
from hub.api.outcomes import parameter
from hub.criteria import Criterion, Token
from hub.usecases.ports import (
    AcceptRequest,
    BookRequest,
    CancelRequest,
    ChangeRequest,
    Claim,
    ClientIdentifier,
    Failed,
    MoveRequest,
    awaits_answer,
)

MOST_IDENTIFIERS: Final = 5
LONGEST_COMMENT: Final = 32 * 1024
MOST_PARTS: Final = 40_000
"""Members and items of a body, counted roughly (a comma in a text counts too) before anything is built of it."""

_READ_OVER: Final = frozenset({"resourceType", "id", "meta", "text", "language"})
_MEANINGFUL: Final = ("modifierExtension", "implicitRules")
"""May turn the meaning of all the rest around: FHIR forbids to read over what is not understood of them."""
_BOOKABLE: Final = ("booked", "proposed", "pending")
_DIRECTORY_ACTORS: Final = ("Practitioner", "PractitionerRole", "Location", "HealthcareService")
_OWN_SYSTEMS: Final = frozenset({codes.PLACER, codes.HETU})
_OF_CANCELLATION: Final = frozenset({"status", "cancelationReason", "comment", "participant"})
_OF_MOVE: Final = frozenset({"slot", "start", "end", "minutesDuration", "comment", "participant"})
_CHANGES: Final = (
    "status becomes cancelled, or slot another one; of a proposal the patient's participant.status becomes accepted "
    "or declined, or slot another one to ask for that time"
)
_OF_ANSWER: Final = frozenset({"status", "participant"})

KEY_PATTERN: Final = r'^("[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$'
"""What an Idempotency-Key looks like, for documents (a string may escape quotation marks too)."""
_KEY: Final = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|([\x21\x23-\x7e]{1,255})')
_ETAG: Final = re.compile(r'(?:W/)?"([1-9][0-9]{0,17})"')
_LITERAL: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_CODES: Final = {"structure": "bad-structure", "value": "bad-value", "required": "required-element"}


def appointment(body: bytes) -> dict[str, Any]:
    """The valid R4 Appointment in ``body``, its national code systems without their versions (both styles are in use);
    raises `bad-json`, or all that is wrong with it at once.

    One rule of R4 is not asked for: start and end may be left out (app-3), for they are the Slot's.
    """
    resource = json_of(body)
    findings = [one for one in validate(resource, "Appointment") if not one.message.startswith("app-3:")]
    if findings:
        raise refusal(findings)
    understood = fhir.unversioned(resource)
    assert isinstance(understood, dict)
    return understood


def json_of(body: bytes) -> Any:
    """The JSON in ``body``; raises `bad-json`, `too-costly`."""
    if sum(body.count(part) for part in (b",", b"{", b"[")) > MOST_PARTS:
        raise Failed("too-costly", f"a body of more than {MOST_PARTS} parts", expression=[parameter("body")])
    try:
        return strict_json.loads(body)
    except strict_json.BadJson as err:
        raise Failed("bad-json", str(err)) from None


def refusal(findings: Sequence[Finding]) -> Failed:
    """All that is wrong with a resource, at once."""
    first, *rest = [_problem(one) for one in findings]
    return Failed(first.code, first.detail, expression=first.expression, also=rest)


def booking(
    resource: dict[str, Any],
    base: str,
    access: Access,
    raw: bytes,
    key: str | None,
    if_none_exist: tuple[Criterion, ...] | None,
) -> BookRequest:
    """What a valid Appointment asks to be booked; raises `not-supported`, `another-patient` and the other rules' codes.

    References are relative, or begin with ``base``, this API's own URL.
    """
    _understood(resource)
    if resource["status"] not in _BOOKABLE:
        raise Failed("business-rule", "a booking is booked, proposed or pending", expression=["Appointment.status"])
    actors = [_literal(one["actor"]["reference"], base) for one in resource["participant"]]
    patient = _patient(resource, actors, access)
    start, end = (_instant(resource, name) for name in ("start", "end"))
    if start and end and end <= start:
        raise Failed("slot-mismatch", "it ends before it starts", expression=["Appointment.end"])
    return BookRequest(
        slot_id=_slot(resource, base),
        patient=patient,
        start=start,
        end=end,
        minutes=resource.get("minutesDuration"),
        comment=_comment(resource),
        reason="\n".join(one["text"] for one in resource.get("reasonCode", ()) if "text" in one),
        identifiers=_identifiers(resource),
        claims=tuple(_claims(resource, actors)),
        raw=raw,
        key=key,
        if_none_exist=if_none_exist,
    )


def change(
    resource: dict[str, Any], seen: dict[str, Any], hub_id: str, version: int, base: str, raw: bytes, key: str | None
) -> ChangeRequest:
    """What the update of ``seen``, the stored version it is based on, asks for: a cancellation, another time, or that a
    proposal is accepted or declined. An element that is left out stays as it is.

    Raises `not-changeable` for any other difference, `no-proposal` for the acceptance of what is none.
    """
    different = {name for name in resource if name not in _READ_OVER and not _same(resource, seen, name)}
    status = resource["status"]
    if not _only_answers_differ(resource["participant"], seen.get("participant", [])):
        raise Failed("not-changeable", expression=["Appointment.participant"])
    if status == "cancelled":
        _only(different, _OF_CANCELLATION)
        return _cancellation(resource, different, hub_id, version, raw, key)
    if "slot" in different:
        _only(different, _OF_MOVE)
        return _move(resource, different, hub_id, version, base, raw, key)
    answered = _answer(resource, seen)
    if answered == "declined" and status == seen.get("status"):
        _only(different, _OF_CANCELLATION)
        _proposal(seen)
        return _cancellation(resource, different, hub_id, version, raw, key)
    _only(different, _OF_ANSWER)
    if answered != "accepted" or status not in (seen.get("status"), "booked"):
        raise Failed("not-changeable", _CHANGES, expression=["Appointment.status"])
    _proposal(seen)
    return AcceptRequest(hub_id, version, raw, key)


def _answer(resource: dict[str, Any], seen: dict[str, Any]) -> str:
    """What the patient's participant.status has become that was to act; "" for none."""
    for one, before in zip(resource["participant"], seen.get("participant", []), strict=True):
        is_patient = before.get("actor", {}).get("reference", "").startswith("Patient/")
        if is_patient and before["status"] == "needs-action" != one["status"]:
            return str(one["status"])
    return ""


def _proposal(seen: dict[str, Any]) -> None:
    if not awaits_answer(seen):
        raise Failed("no-proposal", expression=["Appointment.participant"])


def _only(different: set[str], allowed: frozenset[str]) -> None:
    others = sorted(different - allowed)
    if others:
        raise Failed("not-changeable", expression=[f"Appointment.{name}" for name in others])


def _cancellation(
    resource: dict[str, Any], different: set[str], hub_id: str, version: int, raw: bytes, key: str | None
) -> CancelRequest:
    """A new comment is part of the reason."""
    reason = resource.get("cancelationReason", {})
    coded = next(iter(reason.get("coding", ())), None)
    comment = resource["comment"] if "comment" in different else ""
    return CancelRequest(
        appointment_id=hub_id,
        expected_version=version,
        reason="\n".join(filter(None, (reason.get("text", ""), comment))),
        reason_code=Token(coded.get("system"), coded.get("code")) if coded else None,
        body=resource,
        raw=raw,
        key=key,
    )


def _move(
    resource: dict[str, Any],
    different: set[str],
    hub_id: str,
    version: int,
    base: str,
    raw: bytes,
    key: str | None,
) -> MoveRequest:
    start, end = (_instant(resource, name) for name in ("start", "end"))
    return MoveRequest(
        appointment_id=hub_id,
        expected_version=version,
        slot_id=_slot(resource, base),
        start=start,
        end=end,
        minutes=resource.get("minutesDuration"),
        comment=_comment(resource) if "comment" in different else "",
        raw=raw,
        key=key,
    )


def idempotency_key(header: str | None) -> str | None:
    """The key of an Idempotency-Key header (a structured string or a bare token); raises `bad-key`."""
    if header is None:
        return None
    read = _KEY.fullmatch(header.strip())
    if not read or hetu.appears_in(header.upper()):
        raise Failed("bad-key", expression=[parameter("Idempotency-Key")])
    key: str = read[2] if read[1] is None else read[1].replace('\\"', '"').replace("\\\\", "\\")
    return key


def expected_version(header: str | None) -> int:
    """The version of an If-Match header; raises `if-match-required`, `bad-if-match`."""
    if header is None or not header.strip():
        raise Failed("if-match-required", expression=[parameter("If-Match")])
    read = _ETAG.fullmatch(header.strip())
    if not read:
        raise Failed("bad-if-match", expression=[parameter("If-Match")])
    return int(read[1])


def _problem(finding: Finding) -> Failed:
    code = _CODES.get(finding.kind, "invariant")
    return Failed(code, f"{finding.expression}: {finding.message}", expression=[finding.expression])


def _understood(resource: dict[str, Any]) -> None:
    """Refuse what changes the meaning, and who cannot be identified; what is merely not carried is told instead."""
    wrong = [f"Appointment.{name}" for name in _MEANINGFUL if name in resource]
    for i, participant in enumerate(resource["participant"]):
        here = f"Appointment.participant[{i}]"
        wrong += [f"{here}.modifierExtension"] if "modifierExtension" in participant else []
        wrong += [f"{here}.actor"] if "reference" not in participant.get("actor", {}) else []
    if wrong:
        raise Failed("not-supported", f"this API does not understand {', '.join(wrong)}", expression=wrong)


def _claims(resource: dict[str, Any], actors: list[tuple[str, str]]) -> Iterator[Claim]:
    for element, path, concept in carried.concepts(resource):
        values = tuple(Token(one.get("system"), one["code"]) for one in concept.get("coding", ()) if "code" in one)
        if values:
            yield Claim(path, element, values)
    for i, (kind, identity) in enumerate(actors):
        if kind != "Patient":
            yield Claim(f"Appointment.participant[{i}].actor.reference", "participant", (Token(kind, identity),))


def _patient(resource: dict[str, Any], actors: list[tuple[str, str]], access: Access) -> str:
    """The id of the one patient, who is the subject of the token."""
    for i, (kind, _) in enumerate(actors):
        if kind not in ("Patient", *_DIRECTORY_ACTORS):
            where = f"Appointment.participant[{i}].actor.reference"
            why = f"a participant is the patient or {', '.join(_DIRECTORY_ACTORS)}"
            raise Failed("not-supported", why, expression=[where])
    patients = [i for i, (kind, _) in enumerate(actors) if kind == "Patient"]
    if len(patients) != 1:
        raise Failed("patient-required", expression=["Appointment.participant"])
    here, identity = f"Appointment.participant[{patients[0]}]", actors[patients[0]][1]
    if identity != access.subject:
        raise Failed("another-patient", expression=[f"{here}.actor.reference"])
    if resource["participant"][patients[0]]["status"] == "declined":
        raise Failed("business-rule", "the patient of a booking has not declined it", expression=[f"{here}.status"])
    return identity


def _literal(reference: str, base: str) -> tuple[str, str]:
    """Type and id of a reference to something of this API; empty for any other."""
    read = _LITERAL.fullmatch(reference.removeprefix(f"{base}/"))
    return (read[1], read[2]) if read else ("", "")


def _slot(resource: dict[str, Any], base: str) -> str:
    slots = resource.get("slot", [])
    if len(slots) > 1:
        raise Failed("not-supported", "a booking names one Slot", expression=["Appointment.slot"])
    if not slots:
        raise Failed("slot-required", expression=["Appointment.slot"])
    kind, identity = _literal(slots[0].get("reference", ""), base)
    if kind != "Slot":
        why = f"a Slot of this API is Slot/<id> or {base}/Slot/<id>"
        raise Failed("unknown-slot", why, expression=["Appointment.slot[0].reference"])
    return identity


def _instant(resource: dict[str, Any], name: str) -> datetime | None:
    return times.instant(resource[name]) if name in resource else None


def _comment(resource: dict[str, Any]) -> str:
    comment: str = resource.get("comment", "")
    if len(comment.encode()) > LONGEST_COMMENT:
        raise Failed("text-too-long", expression=["Appointment.comment"], facts={"limit": str(LONGEST_COMMENT)})
    return comment


def _identifiers(resource: dict[str, Any]) -> tuple[ClientIdentifier, ...]:
    """The portal's own identifiers: few, with a value, and in no system that is not the portal's to use."""
    given = resource.get("identifier", [])
    if len(given) > MOST_IDENTIFIERS:
        raise Failed("business-rule", f"at most {MOST_IDENTIFIERS} identifiers", expression=["Appointment.identifier"])
    for i, one in enumerate(given):
        here = f"Appointment.identifier[{i}]"
        if "value" not in one:
            raise Failed("business-rule", "an identifier has a value", expression=[f"{here}.value"])
        if one.get("system") in _OWN_SYSTEMS or str(one.get("system", "")).startswith(codes.ROOT):
            raise Failed("business-rule", "this system is not a portal's to use", expression=[f"{here}.system"])
        if hetu.appears_in(one["value"].upper()):
            raise Failed("business-rule", "a HETU identifies no booking", expression=[f"{here}.value"])
    return tuple(ClientIdentifier(one.get("system"), one["value"]) for one in given)


def _same(resource: dict[str, Any], seen: dict[str, Any], name: str) -> bool:
    """Whether an element says the same; times are compared as instants, for clients write them anew."""
    if name in ("start", "end", "created") and name in seen:
        return _as_instant(resource[name]) == _as_instant(seen[name])
    return bool(resource[name] == seen.get(name))


def _as_instant(text: str) -> datetime | str:
    return times.instant(text) if len(text) > 10 else text


def _only_answers_differ(given: list[dict[str, Any]], seen: list[dict[str, Any]]) -> bool:
    """Whether the participants are the stored ones, but for their status."""
    return [_without_status(one) for one in given] == [_without_status(one) for one in seen]


def _without_status(participant: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in participant.items() if name != "status"}
