"""Every answer of the manual's table, for every kind of request: what the port says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from adapters.errors import (
    ForeignError,
    Misconfigured,
    NoProposal,
    NoSuchTime,
    NotCancellable,
    NotMovable,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    TextNotCarried,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.proconsona.adapter import ProConsonaAdapter
from canonical import hetu
from canonical.commands import Command
from tests.adapters.proconsona.proconsona_stub import (
    AINO,
    MEETING,
    PATIENT,
    TIME,
    Recorder,
    accept,
    adapter_for,
    book,
    call,
    cancel,
    days,
    meeting,
    move,
    propose,
    virhe,
    xml,
)

CHANGES: dict[str, Callable[[], Command]] = {"cancel": cancel, "move": move, "accept": accept, "propose": propose}
WRITES: dict[str, Callable[[], Command]] = {"book": book, **CHANGES}
READS: dict[str, Callable[[ProConsonaAdapter], Awaitable[Any]]] = {
    "probe": lambda a: a.probe(call()),
    "directory": lambda a: a.directory(call()),
    "find": lambda a: a.find_free(call(), days(7)),
    "free-time": lambda a: a.free_time(call(), TIME),
    "person": lambda a: a.find_person(call(), AINO.hetu),
    "list": lambda a: a.appointments(call(), PATIENT),
    "read": lambda a: a.appointment(call(), MEETING),
    "look": lambda a: a.look(call(), book()),
}

ROWS: list[tuple[int, str, str, type[ForeignError]]] = [
    # status, code, commands, meaning
    *(
        (400, code, "*", Misconfigured)
        for code in ("EI_XML", "DTD_KIELLETTY", "SKEEMA", "PARAMETRI", "HETU_OSOITTEESSA")
    ),
    *((401, code, "*", Misconfigured) for code in ("TUNNISTUS_PUUTTUU", "AVAIN_TUNTEMATON", "AIKA_POIKKEAA")),
    *((401, code, "*", Misconfigured) for code in ("TIIVISTE_VAARA", "ALLEKIRJOITUS_VAARA")),
    (404, "EI_LOYDY", "cancel move accept propose", UnknownAppointment),
    (404, "EI_LOYDY", "book", Misconfigured),
    (405, "EI_SALLITTU", "*", Misconfigured),
    (406, "EI_HYVAKSYTTAVA", "*", Misconfigured),
    (408, "HIDAS", "*", Unavailable),
    (409, "VERSIO", "cancel move accept propose", StaleVersion),
    (409, "AIKA_VARATTU", "book move propose", SlotTaken),
    (409, "OMA_AIKA", "book", SlotTaken),
    (409, "OMA_AIKA", "move", NotMovable),
    (409, "OMA_AIKA", "propose", Refused),
    (409, "AVAIN_KESKEN", "book", OutcomeUnknown),
    (413, "LIIAN_SUURI", "*", Misconfigured),
    (415, "SISALTOTYYPPI", "*", Misconfigured),
    (422, "TUNTEMATON_ASIAKAS", "book", UnknownPatient),
    (422, "TUNTEMATON_AIKA", "book move propose", NoSuchTime),
    (422, "AIKA_MENNYT", "book move propose", NoSuchTime),
    (422, "TOINEN_PALVELU", "move", NotMovable),
    (422, "TOINEN_PALVELU", "propose", Refused),
    (422, "EI_MUUTOSTA", "move", NotMovable),
    (422, "EI_MUUTOSTA", "propose", Refused),
    *((422, code, "cancel", NotCancellable) for code in ("TILA_EI_SALLI", "TAPAAMINEN_MENNYT")),
    *((422, code, "move", NotMovable) for code in ("TILA_EI_SALLI", "TAPAAMINEN_MENNYT")),
    *((422, code, "accept propose", NoProposal) for code in ("TILA_EI_SALLI", "TAPAAMINEN_MENNYT")),
    (422, "AVAIN_KAYTETTY", "book", OutcomeUnknown),
    (422, "JOTAIN_UUTTA", "*", Refused),
    (429, "LIIKAA_PYYNTOJA", "*", Unavailable),
    (418, "TEEPANNU", "*", Refused),
    *((status, "VIRHE", "*", OutcomeUnknown) for status in (500, 501, 502, 503, 504)),
]
CASES = [
    pytest.param(status, code, kind, error, id=f"{status}-{code}-{kind}")
    for status, code, kinds, error in ROWS
    for kind in (WRITES if kinds == "*" else kinds.split())
]


def answering(response: Callable[[], httpx.Response]) -> Callable[[httpx.Request], httpx.Response]:
    """The reading before a change is answered, what is written gets ``response``."""
    return lambda request: xml(200, meeting()) if request.method == "GET" else response()


async def outcome_of(kind: str, response: Callable[[], httpx.Response], recorder: Recorder) -> ForeignError:
    with pytest.raises(ForeignError) as caught:
        await adapter_for(answering(response)).perform(call(recorder), WRITES[kind]())
    assert not hetu.appears_in(f"{caught.value} {caught.value.detail} {caught.value.native}")
    return caught.value


@pytest.mark.parametrize(("status", "code", "kind", "error"), CASES)
async def test_what_an_answer_to_a_write_means(
    status: int, code: str, kind: str, error: type[ForeignError], recorder: Recorder
) -> None:
    said = await outcome_of(kind, lambda: virhe(status, code), recorder)
    assert type(said) is error
    assert said.native == f"{status} {code}"
    assert recorder.operations().count(kind) == 1, "sent once"


READ_ROWS: list[tuple[int, str, type[ForeignError]]] = [
    (400, "HAKU_LIIAN_LAAJA", Misconfigured),
    (400, "JATKO", Misconfigured),
    (401, "ALLEKIRJOITUS_VAARA", Misconfigured),
    (405, "EI_SALLITTU", Misconfigured),
    (408, "HIDAS", Unavailable),
    (422, "JOTAIN_UUTTA", Misconfigured),
    (429, "LIIKAA_PYYNTOJA", Unavailable),
    (500, "VIRHE", Unavailable),
    (503, "EI_KAYTETTAVISSA", Unavailable),
]


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize(("status", "code", "error"), READ_ROWS)
async def test_what_an_answer_to_a_read_means(name: str, status: int, code: str, error: type[ForeignError]) -> None:
    with pytest.raises(ForeignError) as caught:
        await READS[name](adapter_for(lambda _: virhe(status, code)))
    assert type(caught.value) is error


@pytest.mark.parametrize("name", ["probe", "directory", "find", "person", "list"])
async def test_a_list_that_is_not_there_is_a_wrong_address(name: str) -> None:
    with pytest.raises(Misconfigured):
        await READS[name](adapter_for(lambda _: virhe(404, "EI_LOYDY")))


async def test_what_is_absent_or_not_ours_to_see_is_none() -> None:
    adapter = adapter_for(lambda _: virhe(404, "EI_LOYDY"))
    assert await adapter.appointment(call(), MEETING) is None
    for command in (cancel(), move(), accept(), propose()):
        assert await adapter.look(call(), command) is None


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("kind", WRITES)
async def test_retry_after_comes_before_any_work(kind: str, status: int, recorder: Recorder) -> None:
    said = await outcome_of(kind, lambda: httpx.Response(status, headers={"Retry-After": "7"}), recorder)
    assert type(said) is Unavailable
    assert said.retry_after == 7.0


HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = "<!DOCTYPE html><html><body>Kirjaudu</body></html>"
STRANGE: dict[str, Callable[[], httpx.Response]] = {
    "html with 200": lambda: httpx.Response(200, text=PAGE, headers=HTML),
    "html with 201": lambda: httpx.Response(201, text=PAGE, headers=HTML),
    "html called xml": lambda: xml(201, PAGE),
    "html with 400": lambda: httpx.Response(400, text=PAGE, headers=HTML),
    "html with 404": lambda: httpx.Response(404, text=PAGE, headers=HTML),
    "html with 409": lambda: httpx.Response(409, text=PAGE, headers=HTML),
    "html with 503": lambda: httpx.Response(503, text=PAGE, headers=HTML),
    "xml called html": lambda: httpx.Response(201, content=meeting(), headers=HTML),
    "another root": lambda: xml(201, '<asiakkaat xmlns="urn:proconsona:rajapinta:3"/>'),
    "a fault with 200": lambda: virhe(200, "VIRHE"),
    "half a document": lambda: xml(201, meeting()[:300]),
    "two documents": lambda: xml(201, meeting() * 2),
    "nothing": lambda: xml(201, b""),
    "204": lambda: httpx.Response(204),
    "202": lambda: xml(202, meeting()),
    "a redirect": lambda: httpx.Response(303, headers={"Location": "/"}),
    "another charset": lambda: xml(201, meeting().decode().encode("iso-8859-1")),
    "another charset, said": lambda: xml(201, meeting(), Content_Type="application/xml; charset=iso-8859-1"),
    "a doctype": lambda: xml(201, b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + meeting().partition(b"?>")[2]),
    "compressed": lambda: xml(201, meeting(), Content_Encoding="br"),
}


@pytest.mark.parametrize("response", STRANGE.values(), ids=STRANGE.keys())
@pytest.mark.parametrize("kind", WRITES)
async def test_what_is_no_answer_of_proconsonas_leaves_a_write_unknown(
    kind: str, response: Callable[[], httpx.Response], recorder: Recorder
) -> None:
    assert type(await outcome_of(kind, response, recorder)) is OutcomeUnknown
    assert recorder.outcomes(kind) == ["unknown"]


@pytest.mark.parametrize("response", STRANGE.values(), ids=STRANGE.keys())
@pytest.mark.parametrize("name", READS)
async def test_what_is_no_answer_of_proconsonas_is_none_to_a_read(
    name: str, response: Callable[[], httpx.Response]
) -> None:
    with pytest.raises(Unavailable):
        await READS[name](adapter_for(lambda _: response()))


def places(*listed: tuple[str, str]) -> str:
    return "".join(f"<kohta><polku>{path}</polku><koodi>{code}</koodi></kohta>" for path, code in listed)


async def test_the_places_that_are_wrong_are_told_to_developers(recorder: Recorder) -> None:
    wrong = places(("/pc:uusiTapaaminen/pc:asiakas[2]", "YLIMAARAINEN"), ("@Idempotency-Key", "ARVO"))
    said = await outcome_of("book", lambda: virhe(400, "SKEEMA", wrong), recorder)
    assert type(said) is Misconfigured
    assert "/pc:uusiTapaaminen/pc:asiakas[2] YLIMAARAINEN, @Idempotency-Key ARVO" in said.detail


@pytest.mark.parametrize("path", ["/pc:x/010594Y9021", "/pc:x Aino", "x" * 200])
async def test_a_place_that_is_none_is_not_repeated(path: str, recorder: Recorder) -> None:
    said = await outcome_of("book", lambda: virhe(400, "SKEEMA", places((path, "ARVO"))), recorder)
    assert said.detail.endswith(" at ? ARVO")


async def test_a_text_that_the_schema_refuses_is_the_residents_to_change(recorder: Recorder) -> None:
    wrong = places(("/pc:uusiTapaaminen/pc:lisatieto", "ARVO"))
    assert type(await outcome_of("book", lambda: virhe(400, "SKEEMA", wrong), recorder)) is TextNotCarried


@pytest.mark.parametrize(("seconds", "word"), [(-900, "behind"), (900, "ahead of")])
async def test_clocks_that_differ_are_said_by_how_much(seconds: int, word: str, recorder: Recorder) -> None:
    theirs = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    said = await outcome_of("book", lambda: virhe(401, "AIKA_POIKKEAA", Date=theirs), recorder)
    assert word in said.detail
    assert any(f" {abs(seconds) + drift} s " in said.detail for drift in (-1, 0, 1))


async def test_a_stale_version_that_the_reading_did_not_see_is_the_masters_word(recorder: Recorder) -> None:
    said = await outcome_of(
        "cancel", lambda: virhe(409, "VERSIO", meeting(versio="2").decode().partition("?>")[2]), recorder
    )
    assert type(said) is StaleVersion
    assert recorder.outcomes("cancel") == ["refused"]
