"""Framing, character sets and headers: what is answered to what cannot be right, and that the link stays usable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.sandbox.pegasos.pegasos_bench import (
    AINO,
    Answer,
    Client,
    Pegasos,
    book,
    judge,
    look_up,
    message,
    msh,
    query,
)

VT, END = b"\x0b", b"\x1c\r"
MIB = 1024 * 1024


async def usable(client: Client) -> None:
    assert (await client.ask(look_up(AINO))).code == "AA"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"f3": "X"}, ("AR", "207", "X02")),
        ({"f4": ""}, ("AR", "207", "X02")),
        ({"f5": "X"}, ("AR", "207", "X02")),
        ({"f6": "PORVOO"}, ("AR", "207", "X02")),
        ({"f7": ""}, ("AE", "101", "M02")),
        ({"kind": "ORM^O01"}, ("AR", "200", "M05")),
        ({"kind": "QRY^A20"}, ("AR", "201", "M06")),
        ({"kind": "QRY^A19^ADR_A19"}, ("AR", "100", "M01")),
        ({"kind": ""}, ("AR", "200", "M05")),
        ({"f11": "T"}, ("AR", "202", "M07")),
        ({"f11": "D"}, ("AR", "202", "M07")),
        ({"f12": "2.5"}, ("AR", "203", "M08")),
        ({"f15": "AL"}, ("AR", "207", "X02")),
        ({"f16": "NE"}, ("AR", "207", "X02")),
        ({"f10": "x" * 21}, ("AR", "102", "M03")),
        ({"charset": "8859/15"}, ("AR", "102", "M03")),
        ({"charset": "UNICODE"}, ("AR", "102", "M03")),
    ],
)
async def test_a_header_that_is_not_agreed_is_refused(
    client: Client, change: dict[str, str], error: tuple[str, str, str]
) -> None:
    body = look_up(AINO).split("\r", 1)[1]
    header = msh(**({"kind": "QRY^A19"} | change))
    # Without an event the answer is a plain ACK, which hl7apy has no name for.
    answer = await client.ask(header + "\r" + body, valid=change != {"kind": ""})
    assert answer.error == error
    await usable(client)


async def test_the_answer_turns_the_names_round_and_keeps_the_control_id(client: Client) -> None:
    answer = await client.ask(
        msh("QRY^A19", f10="Abc-1.2_3", f15="NE", f16="AL") + "\r" + look_up(AINO).split("\r", 1)[1]
    )
    assert answer.lines[0][2:6] == ["PEGASOS", "LOVIISA", "SOTESILTA", "ITAUUSIMAA"]
    assert answer.get("MSA", 2) == "Abc-1.2_3"
    assert len(answer.lines[0][9]) == 20


async def test_other_legal_delimiters_say_the_same(pegasos: Pegasos, client: Client) -> None:
    plain = book(pegasos.system, pegasos.free(), AINO, note="a\\T\\b", extra=("ZPA||||||||||x^y&z~w",))
    strange = plain.translate(str.maketrans("|^~\\&", "#*!/@"))
    answer = await client.ask(strange)
    assert answer.code == "AA"
    # The escape T means the message's own subcomponent delimiter.
    assert answer.get("NTE", 3) == "a@b"
    assert answer.all("ZPA")[0][10] == "x^y&z~w"


@pytest.mark.parametrize(
    "start", ["MSH|^~\\", "MSH|^^\\&|", "MSH|a~\\&|", "MSH||~\\&|", "MSH|^~\\&#|", "MSHa^~\\&a", "MSH|"]
)
async def test_illegal_delimiters_are_answered(client: Client, start: str) -> None:
    answer = await client.ask(start + msh("QRY^A19", f10="Legal-1")[9:], valid=False)
    assert answer.error == ("AR", "100", "M01")
    await usable(client)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("\r", "\n"),
        lambda text: text.replace("\r", "\r\n"),
        lambda text: text.replace("QRD|", "QRD|\x0b"),
        lambda text: text.replace("QRD|", "QRD|\x1c"),
        lambda text: text + text,
        lambda text: text.replace("QRD", "qrd"),
        lambda text: text.replace("QRD|", "XXX|1\rQRD|"),
        lambda text: text.replace("QRD|", "\rQRD|"),
        lambda text: text.split("\r")[0] + "\r",
        lambda text: text + "DSC|1\r",
        lambda text: text.replace("|R|I|", "|R\x00|I|"),
    ],
    ids=["LF", "CR LF", "VT", "FS", "two MSH", "name", "segment", "empty segment", "no QRD", "no place", "NUL"],
)
async def test_a_damaged_message_is_refused_and_never_taken_for_another(
    client: Client, damage: Callable[[str], str]
) -> None:
    text = look_up(AINO)
    answer = await client.ask(damage(text))
    assert answer.error == ("AR", "100", "M01")
    assert answer.get("MSA", 2) == text.split("|")[9]
    await usable(client)


async def test_a_block_within_a_block_is_one_refused_message(pegasos: Pegasos, client: Client) -> None:
    first, second = look_up(AINO).encode(), look_up(AINO).encode()
    await client.send(VT + first[:30] + VT + second + END)
    answer = Answer(await client.block())
    assert answer.error == ("AR", "100", "M01")
    await usable(client)


@pytest.mark.parametrize(
    "content", [b"", b"\r", b"PID|1\r", b"BHS|^~\\&|x\r", b"FHS|^~\\&|x\rMSH|^~\\&|\r", b"\xff\xfeM\x00S\x00H\x00"]
)
async def test_a_block_without_msh_closes_the_connection(pegasos: Pegasos, client: Client, content: bytes) -> None:
    await client.send(VT + content + END)
    assert await client.ended() == b""
    await usable(await pegasos.connect())


async def test_bytes_outside_blocks_are_thrown_away(pegasos: Pegasos, client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\n\r\n" + END)
    await usable(client)
    await client.send(b"\r\n")
    await usable(client)
    assert "outside a block: thrown away" in [entry.note for entry in pegasos.journal.entries()]


async def test_messages_sent_at_once_are_answered_in_order(client: Client) -> None:
    texts = [look_up(AINO) for _ in range(5)]
    await client.send(b"".join(VT + text.encode() + END for text in texts))
    answers = [Answer(await client.block()) for _ in texts]
    assert [answer.get("MSA", 2) for answer in answers] == [text.split("|")[9] for text in texts]


async def test_a_message_may_come_byte_by_byte(client: Client) -> None:
    for byte in VT + look_up(AINO).encode() + END:
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert Answer(await client.block()).code == "AA"


async def test_a_message_that_takes_too_long_ends_its_connection_alone(pegasos: Pegasos, client: Client) -> None:
    slow = [await pegasos.connect() for _ in range(20)]
    for one in slow:
        await one.send(VT + b"MSH|^~\\&|")
    for _ in range(3):
        for one in slow:
            await one.send(b"x")
        await usable(client)
    assert [await one.ended() for one in slow] == [b""] * 20
    await usable(client)


async def test_an_idle_connection_stays_open(pegasos: Pegasos, client: Client) -> None:
    await usable(client)
    await asyncio.sleep(2.5)  # longer than a message may take on this face
    await usable(client)


async def test_a_message_of_one_mib_is_read_and_one_byte_more_is_refused(pegasos: Pegasos, client: Client) -> None:
    text = message(look_up(AINO).rstrip("\r"), "ZXX|").encode()
    answer = await client.ask(text[:-1] + b"x" * (MIB - len(text)) + b"\r")
    assert answer.code == "AA"
    await client.send(VT + text[:-1] + b"x" * (MIB - len(text) + 1) + b"\r" + END)
    refused = await client.block()
    judge(refused)
    assert Answer(refused).error == ("AR", "207", "X03")
    assert await client.ended() == b""
    await usable(await pegasos.connect())


async def test_a_block_without_end_is_cut_off_at_the_limit(pegasos: Pegasos, client: Client) -> None:
    await client.send(VT + look_up(AINO).encode() + b"ZXX|" + b"x" * (3 * MIB))
    assert Answer(await client.block()).error == ("AR", "207", "X03")
    assert await client.ended() == b""


@pytest.mark.parametrize(
    "filling",
    ["|" * 900_000, "NTE|1\r" * 150_000, "PID|1||" + "~" * 900_000, "PID|1||" + "^" * 900_000, "ZXX|" + "\\" * 900_000],
)
async def test_a_costly_message_does_not_hold_up_the_others(pegasos: Pegasos, client: Client, filling: str) -> None:
    text = book(pegasos.system, pegasos.free(), AINO).rstrip("\r") + "\r" + filling + "\r"
    answer = await client.ask(text, valid=False)
    assert answer.code in ("AR", "AE", "AA")
    await usable(client)


async def test_latin_1_is_the_default(pegasos: Pegasos, client: Client) -> None:
    text = book(pegasos.system, pegasos.free(), AINO, note="Yskä ÅÖ é")
    answer = await client.ask(text.encode("iso-8859-1"))
    assert answer.get("NTE", 3) == "Yskä ÅÖ é"
    assert answer.get("MSH", 17) == ""


async def test_utf_8_is_taken_when_it_is_named(pegasos: Pegasos, client: Client) -> None:
    text = book(pegasos.system, pegasos.free(), AINO, note="Yskä 10 € \\XE282AC\\", charset="UNICODE UTF-8", placer="u")
    answer = await client.ask(text.encode("utf-8"))
    assert answer.get("MSH", 17) == "UNICODE UTF-8"
    assert answer.get("NTE", 3) == "Yskä 10 € €"
    # Asked in Latin-1, which has no euro sign, the answer comes in UTF-8 and says so.
    again = await client.ask(query("SBK", "PLACER", arq="u"))
    assert again.get("MSH", 17) == "UNICODE UTF-8"
    assert again.get("NTE", 3) == "Yskä 10 € €"


async def test_utf_8_that_is_not_named_is_taken_for_latin_1(pegasos: Pegasos, client: Client) -> None:
    text = book(pegasos.system, pegasos.free(), AINO, note="Yskä")
    answer = await client.ask(text.encode("utf-8"))
    assert answer.get("NTE", 3) == "YskÃ¤"


@pytest.mark.parametrize(
    ("charset", "raw"),
    [
        ("UNICODE UTF-8", "ä".encode("iso-8859-1")),
        ("UNICODE UTF-8", b"\xc3"),
        ("UNICODE UTF-8", b"\\XE4\\"),
        ("ASCII", "ä".encode("iso-8859-1")),
    ],
)
async def test_bytes_that_are_not_of_the_set_are_refused(
    pegasos: Pegasos, client: Client, charset: str, raw: bytes
) -> None:
    text = book(pegasos.system, pegasos.free(), AINO, note="@@", charset=charset).encode().replace(b"@@", raw)
    assert (await client.ask(text)).error == ("AR", "102", "M03")
    assert pegasos.live(AINO) == []
    await usable(client)


async def test_every_exchange_is_in_the_journal_byte_for_byte(pegasos: Pegasos, client: Client) -> None:
    text = look_up(AINO)
    answer = await client.ask(text)
    received, sent = pegasos.journal.entries()[-2:]
    assert (received.direction, received.operation, received.raw) == ("received", "person", VT + text.encode() + END)
    assert (sent.direction, sent.raw) == ("sent", VT + answer.raw + END)
