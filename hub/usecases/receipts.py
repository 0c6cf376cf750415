"""The receipt of every write: a Task that ends in confirmed or refused, whatever dies meanwhile.

A Task is the journal's row in FHIR's words, made when it is asked for; there is nothing else to keep in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from canonical import codes
from canonical.commands import Command
from canonical.fhir import coding, concept
from canonical.strict_json import dumps
from canonical.times import iso
from hub.criteria import Criterion, Reference, Token
from hub.journal.states import State
from hub.journal.words import word
from hub.store.receipts import Receipt
from hub.usecases.ports import Failed, Found

STATUS: Final = {
    State.ACCEPTED: "accepted",
    State.SENDING: "in-progress",
    State.UNKNOWN: "in-progress",
    State.CONFIRMED: "completed",
    State.REFUSED: "rejected",
    State.NEEDS_PERSON: "on-hold",
}
_NAMES: Final = {
    "book": "Book an appointment",
    "move": "Move an appointment",
    "cancel": "Cancel an appointment",
    "accept": "Accept a proposed time",
    "propose": "Ask for another time",
    "register-person": "Register",
    "hold": "Hold a time",
    "release": "Give a held time back",
}


def render(receipt: Receipt) -> Found:
    """The Task of a command. ``businessStatus`` is the journal's own state; ``output`` says which of the three it is:
    done, nothing done, not known yet."""
    row, changed_at, new = receipt.row, receipt.changed_at, receipt.row.new
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": new.id,
        "meta": {"versionId": str(receipt.version), "lastUpdated": _time(changed_at), "source": codes.source("hub")},
        "identifier": [{"system": codes.PLACER, "value": new.id}],
        **({"partOf": [{"reference": f"Task/{new.parent}"}]} if new.parent is not None else {}),
        "status": STATUS[row.state],
        "intent": "order",
        "code": concept(coding(codes.TASK_KIND, "receipt", "Receipt of a write"), text=_title(new.command)),
        "businessStatus": concept(coding(codes.RECEIPT_STATE, row.state.value)),
    }
    if row.problem is not None and row.state is not State.CONFIRMED:
        task["statusReason"] = concept(coding(codes.ERRORS, row.problem.code), text=row.problem.code)
    if new.target is not None:
        task["focus"] = {"reference": f"Appointment/{new.target}"}
    task["for"] = {"reference": f"Patient/{new.subject}"}
    task["authoredOn"] = _time(row.accepted_at)
    task["lastModified"] = _time(changed_at)
    task["requester"] = {"reference": f"Patient/{new.resident}"}
    task["owner"] = {"identifier": {"system": codes.SOURCE, "value": new.installation}}
    outcome = concept(coding(f"{codes.ROOT}/fhir/CodeSystem/receipt-output", "outcome"))
    task["output"] = [{"type": outcome, "valueCode": word(row).value}]
    if row.warning:
        warning = concept(coding(f"{codes.ROOT}/fhir/CodeSystem/receipt-output", "warning"))
        task["output"].append({"type": warning, "valueCode": row.warning})
    return Found("Task", new.id, dumps(task), receipt.version, changed_at, changed_at)


def _title(command: Command) -> str:
    return _NAMES[command.kind]


def _time(seconds: float) -> str:
    return iso(datetime.fromtimestamp(round(seconds, 3), UTC))


def states(criteria: Sequence[Criterion]) -> dict[str, set[Any] | None]:
    """What a search of Tasks narrows: ids, states and targets (None: not narrowed). A Task of another code than a
    receipt does not exist yet, so that a search for one finds nothing. Raises `Failed` for what is not searched by."""
    narrowed: dict[str, set[Any] | None] = {"ids": None, "states": None, "targets": None}
    for criterion in criteria:
        name, wanted = _narrowing(criterion)
        before = narrowed[name]
        narrowed[name] = wanted if before is None else before & wanted
    return narrowed


def _narrowing(criterion: Criterion) -> tuple[str, set[Any]]:
    values = criterion.values
    match criterion.name:
        case "_id":
            return "ids", {v.code for v in values if isinstance(v, Token) and v.code}
        case "status":
            asked = {v.code for v in values if isinstance(v, Token)}
            return "states", {state for state, status in STATUS.items() if status in asked}
        case "focus":
            return "targets", {v.id for v in values if isinstance(v, Reference)}
        case "code":
            is_receipt = any(isinstance(v, Token) and v.code == "receipt" for v in values)
            return "states", set(State) if is_receipt else set()
        case "business-status":
            asked = {v.code for v in values if isinstance(v, Token)}
            return "states", {state for state in State if state.value in asked}
        case name:
            known = "_id, status, focus, code, business-status"
            raise Failed("unknown-parameter", f"Known: {known}.", expression=[f"http.{name}"])
