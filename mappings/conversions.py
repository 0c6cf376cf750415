"""The conversions that every rule file may name. Each is a pair that undoes itself, or one-way with its reason.

What one wire alone has (local times without offset, HL7's data types) is registered beside its rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from canonical import codes, fhir, hetu, times
from canonical.fhir import Element
from canonical.messages import BadMessage
from canonical.notes import NoteKind
from mappings.engine.recorder import Recorder
from mappings.engine.rules import Conversion, Primitive, Rule
from mappings.engine.tree import Node


def word(node: Node | None) -> str:
    """The value of a code, an id, a number: white space around and inside it is XML's."""
    return " ".join(node.value.split()) if node is not None else ""


def token(node: Node, rule: Rule) -> str:
    """The same, in the form that the rule file gives the rule's source; raises `BadMessage`."""
    found = word(node)
    if found and rule.form is not None and not rule.form.fullmatch(found):
        raise BadMessage(f"{rule.path} has not the form that is promised")
    return found


def _text(node: Node, rule: Rule, recorder: Recorder) -> str:
    return found if (found := node.value).strip() else ""


def _token(node: Node, rule: Rule, recorder: Recorder) -> str:
    return token(node, rule)


def _same(value: Any, rule: Rule, recorder: Recorder) -> str:
    return str(value)


def number(node: Node, rule: Rule) -> int:
    """A positive whole number, 0 where nothing stands. Raises `BadMessage`."""
    found = token(node, rule)
    if found and not (found.isascii() and found.isdecimal() and len(found) < 11 and 0 < int(found) < 2**31):
        raise BadMessage(f"{rule.path} is not a positive whole number")
    return int(found or 0)


def _number(node: Node, rule: Rule, recorder: Recorder) -> int | str:
    return number(node, rule) or ""


def _version(node: Node, rule: Rule, recorder: Recorder) -> str:
    return str(number(node, rule) or "")


def _day(node: Node, rule: Rule, recorder: Recorder) -> str:
    try:
        return date.fromisoformat(found).isoformat() if (found := token(node, rule)) else ""
    except ValueError:
        raise BadMessage(f"{rule.path} is not a day") from None


def _instant(node: Node, rule: Rule, recorder: Recorder) -> str:
    try:
        return times.iso(times.instant(found)) if (found := token(node, rule)) else ""
    except (ValueError, OverflowError):
        raise BadMessage(f"{rule.path} is not a time with its offset") from None


def _code(node: Node, rule: Rule, recorder: Recorder) -> Any:
    """A code by the table's column ``fhir``. One without counterpart stays beside the place, and none is made up."""
    code = token(node, rule)
    line = rule.line(recorder, code)
    if line is not None and line["fhir"]:
        if line.get("lost"):
            recorder.note(NoteKind.DROPPED, rule.path, line["lost"])
        return line["fhir"]
    return unmapped(code, rule, recorder)


def unmapped(code: str, rule: Rule, recorder: Recorder) -> Primitive:
    """The place of a code that FHIR has no word for: absent, with the local code beside it, and noted."""
    element = rule.target[-1].name
    recorder.note(NoteKind.UNKNOWN_CODE, rule.path, f"{said(code)} has no FHIR {element}; none is given")
    absent = {"url": codes.DATA_ABSENT, "valueCode": "unsupported" if code else "unknown"}
    kept = {"url": recorder.uri(rule.words[0]), "valueString": code}
    return Primitive(None, [absent, kept] if code else [absent])


def _uncode(value: str, rule: Rule, recorder: Recorder) -> str | None:
    found = [key[-1] for key, line in rule.table.items() if line["fhir"] == value]
    return found[0] if len(found) == 1 else None


def _coding(node: Node, rule: Rule, recorder: Recorder) -> Element | str:
    """A code of the system that the rule names. One that is not in the rule's table is kept, and noted."""
    code = token(node, rule)
    if not code:
        return ""
    line = rule.line(recorder, code)
    if line is None and rule.table:
        recorder.note(NoteKind.UNKNOWN_CODE, rule.path, f"{said(code)} {rule.note}")
    return fhir.coding(recorder.uri(rule.words[0]), code, (line or {}).get("display"))


def _concept(node: Node, rule: Rule, recorder: Recorder) -> Element | str:
    coding = _coding(node, rule, recorder)
    return coding if isinstance(coding, str) else fhir.concept(coding)


def _uncoding(value: Element, rule: Rule, recorder: Recorder) -> str | None:
    return value.get("code") if value.get("system") == recorder.uri(rule.words[0]) else None


def _unconcept(value: Element, rule: Rule, recorder: Recorder) -> str | None:
    return next((found for one in value.get("coding", ()) if (found := _uncoding(one, rule, recorder))), None)


def _reference(node: Node, rule: Rule, recorder: Recorder) -> Element | str:
    found = token(node, rule)
    return fhir.reference(rule.words[0], found) if found else ""


def _unreference(value: Element, rule: Rule, recorder: Recorder) -> str | None:
    kind, _, local_id = str(value.get("reference", "")).partition("/")
    return local_id if kind == rule.words[0] else None


def _participant(found: tuple[Node, Node | None], rule: Rule, recorder: Recorder) -> Element | str:
    """Who takes part, and what the state says of their answer: the table's ``patient`` or ``others``."""
    who, kind = token(found[0], rule), rule.words[0]
    line = rule.line(recorder, word(found[1])) or {}
    answer = line.get("patient" if kind == "Patient" else "others", "accepted")
    return {"actor": fhir.reference(kind, who), "status": answer} if who else ""


def _identifier(node: Node, rule: Rule, recorder: Recorder) -> Element | str:
    found, (system, *kind) = token(node, rule), rule.words
    return fhir.identifier(recorder.uri(system), found, type_code=kind[0] if kind else None) if found else ""


def _unidentifier(value: Element, rule: Rule, recorder: Recorder) -> str | None:
    return value.get("value") if value.get("system") == recorder.uri(rule.words[0]) else None


def _contact(node: Node, rule: Rule, recorder: Recorder) -> Element | str:
    return {"system": rule.words[0], "value": node.value} if node.value.strip() else ""


def _uncontact(value: Element, rule: Rule, recorder: Recorder) -> str | None:
    return value.get("value") if value.get("system") == rule.words[0] else None


def named(finnish: str, others: Mapping[str, str]) -> str | Primitive:
    """A name in Finnish, with the other languages in the translation extension beside it."""
    translated = [
        {
            "url": codes.TRANSLATION,
            "extension": [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": text}],
        }
        for language, text in others.items()
        if text.strip()
    ]
    return Primitive(finnish, translated) if translated else finnish


def _constant(node: Node, rule: Rule, recorder: Recorder) -> Any:
    if recorder.seen is not None and rule.sources[0][0] != ".":
        node.written()
    return {"true": True, "false": False}.get(rule.words[0], rule.words[0]) if rule.target else None


def _unconstant(value: Any, rule: Rule, recorder: Recorder) -> str:
    return rule.words[0] if rule.words else ""


def _keep(nodes: Sequence[Node], rule: Rule, recorder: Recorder) -> list[Element]:
    return kept(nodes, rule.path, recorder.uri(rule.words[0]), rule.note, recorder)


def kept(nodes: Iterable[Node], path: str, url: str, why: str, recorder: Recorder) -> list[Element]:
    """The kept-bag: what nothing here understands, as it was written, in extensions called ``url``. What holds
    something of the form of a HETU is left behind."""
    found = []
    for node in nodes:
        text = node.written()
        if hetu.appears_in(text):
            recorder.note(NoteKind.DROPPED, f"{path}/{node.shown}", "not understood, and a HETU in it")
        else:
            recorder.note(NoteKind.KEPT, f"{path}/{node.shown}", why)
            found.append({"url": url, "valueString": text})
    return found


def _drop(found: Any, rule: Rule, recorder: Recorder) -> None:
    if isinstance(found, list):
        for node in found:
            recorder.note(NoteKind.DROPPED, f"{rule.path}/{node.shown}", rule.note)
    elif found.value:
        recorder.note(NoteKind.DROPPED, rule.path, rule.note)


def said(code: str) -> str:
    """A code as a note may repeat it."""
    if not code:
        return "no code"
    plain = len(code) <= 40 and all(one.isalnum() or one in "_.-" for one in code)
    return hetu.mask(code) if plain else "what is no code"


_NOT_READ: Final = "what is not understood is not written"
CONVERSIONS: Final[Mapping[str, Conversion]] = {
    "text": Conversion(_text, lambda value, rule, recorder: value if value.strip() else None),
    "token": Conversion(_token, _same),
    "number": Conversion(_number, _same),
    "version": Conversion(_version, _same, "id"),
    "day": Conversion(_day, _same, "date"),
    "instant": Conversion(_instant, _same),
    "code": Conversion(_code, _uncode, "code", (1,)),
    "coding": Conversion(_coding, _uncoding, "Coding", (1,)),
    "concept": Conversion(_concept, _unconcept, "CodeableConcept", (1,)),
    "reference": Conversion(_reference, _unreference, "Reference", (1,)),
    "participant": Conversion(
        _participant, takes=(1,), gives="AppointmentParticipant", one_way="who has answered is the master's to say"
    ),
    "identifier": Conversion(_identifier, _unidentifier, "Identifier", (1, 2)),
    "contact": Conversion(_contact, _uncontact, "ContactPoint", (1,)),
    "constant": Conversion(_constant, _unconstant, "", (0, 1)),
    "keep": Conversion(_keep, None, "Extension", (1,), one_way=_NOT_READ),
    "drop": Conversion(_drop, None, one_way=_NOT_READ),
}
"""By the name that rules call them by."""
