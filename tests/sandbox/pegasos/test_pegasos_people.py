"""QRY^A19, ADT^A28 and MFQ^M01."""

from __future__ import annotations

from tests.sandbox.pegasos.pegasos_bench import (
    AINO,
    AXEL,
    HELVI,
    LILJA,
    Client,
    Pegasos,
    book,
    directory,
    look_up,
    message,
    msh,
    register,
)


async def test_a_person_is_looked_up_by_hetu_or_number(pegasos: Pegasos, client: Client) -> None:
    aino = pegasos.system.patient_by_hetu(AINO)
    assert aino is not None
    answer = await client.ask(look_up(AINO))
    assert answer.lines[0][8] == "ADR^A19^ADR_A19"
    assert answer.names == ["MSH", "MSA", "QAK", "QRD", "PID", "ZSU", "PV1"]
    assert answer.all("PID")[0][3] == f"{AINO}^^^VRK&1.2.246.21&ISO^NNFIN~{aino.number}^^^LOVIISA^PI"
    assert answer.all("PID")[0][5] == "Testinen^Aino^^^^^L"
    assert answer.all("PID")[0][13] == f"^PRN^CP^^^^^^{aino.phone}~^NET^Internet^{aino.email}"
    assert answer.get("ZSU", 2) == "N"
    by_number = look_up(AINO).replace(f"{AINO}^^^^^^^^VRK&1.2.246.21&ISO^^^^NNFIN", f"{aino.number}^^^^^^^^^^^^PI")
    assert (await client.ask(by_number)).all("PID") == answer.all("PID")


async def test_protection_language_and_missing_mail_are_told(client: Client) -> None:
    assert (await client.ask(look_up(HELVI))).get("ZSU", 2) == "Y"
    axel = await client.ask(look_up(AXEL))
    assert axel.get("PID", 15) == "sv"
    assert "NET" not in axel.all("PID")[0][13]
    assert axel.get("ZSU", 1) == "434"


async def test_a_stranger_is_registered_once(pegasos: Pegasos, client: Client) -> None:
    unknown = await client.ask(look_up(LILJA))
    assert unknown.error == ("AE", "204", "P01")
    assert unknown.lines[0][8] == "ACK^A19^ACK"
    first = await client.ask(register(LILJA))
    assert (first.code, first.lines[0][8], first.names) == ("AA", "ACK^A28^ACK", ["MSH", "MSA"])
    assert (await client.ask(register(LILJA))).error == ("AE", "205", "P04")
    assert (await client.ask(look_up(LILJA))).get("PID", 5) == "Karkaus"
    assert (await client.ask(book(pegasos.system, pegasos.free(), LILJA))).code == "AA"


async def test_only_people_of_the_population_can_be_registered(client: Client) -> None:
    assert (await client.ask(register("010516B903X"))).error == ("AE", "204", "P02")
    number_alone = register(LILJA).replace(f"{LILJA}^^^VRK&1.2.246.21&ISO^NNFIN", "77^^^LOVIISA^PI")
    assert (await client.ask(number_alone)).error == ("AE", "101", "M02")


async def test_the_sign_tells_people_apart(client: Client) -> None:
    assert (await client.ask(look_up(AINO.replace("Y", "-")))).error == ("AE", "204", "P01")


async def test_the_directory_is_that_of_the_record_system(pegasos: Pegasos, client: Client) -> None:
    system = pegasos.system
    units = await client.ask(directory("LOC"))
    assert [line[1].split("^")[0] for line in units.all("LOC")] == list(system.units)
    assert [line[3] for line in units.all("ZKI") if line[2] == "sv"] == [one.name_sv for one in system.units.values()]
    assert {line[5].split("^")[8] for line in units.all("LOC")} == {"434", "407"}
    professionals = await client.ask(directory("PRA"))
    assert [line[3].split("^")[0] for line in professionals.all("STF")] == [
        one.family for one in system.professionals.values()
    ]
    assert all(line[6].endswith("^TERHIKKI") for line in professionals.all("PRA"))
    services = await client.ask(directory("CDM"))
    national = {line[1].split("^")[0]: line[2] for line in services.all("CDM")}
    assert set(national) == set(system.services)
    assert national["1010"] == "EE^^1.2.246.537.6.49~SOTE3^^1.2.246.537.6.50"
    assert national["199X"] == ""
    assert {line[2] for line in services.all("ZPV")} == {"1", "3"}
    calendars = await client.ask(directory("ZKA"))
    assert [tuple(field.split("^")[0] for field in line[1:5]) for line in calendars.all("ZKA")] == [
        (one.id, one.professional, one.unit, one.service) for one in system.calendars.values()
    ]


async def test_keys_are_short(pegasos: Pegasos) -> None:
    system = pegasos.system
    for keys in (system.units, system.professionals, system.services, system.calendars):
        assert all(0 < len(key) <= 12 for key in keys)


async def test_another_file_is_refused(client: Client) -> None:
    answer = await client.ask(directory("STF"))
    assert answer.error == ("AE", "103", "M04")
    assert answer.lines[0][8] == "ACK^M01^ACK"
    other = message(msh("QRY^A19"), "QRD|20270322080000|R|I|Q|||1^RD|x^^^^^^^^^^^^PI|OTH|PID")
    assert (await client.ask(other)).blamed == "QRD^1^9"
