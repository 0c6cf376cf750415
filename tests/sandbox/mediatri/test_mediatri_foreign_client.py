"""A client that knows nothing but the WSDL: zeep calls every operation, with its own WS-Security."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zeep
from zeep.wsse.username import UsernameToken

from sandbox.config import new_config
from sandbox.serve import Running, running
from tests.plain_http import PLAIN
from tests.sandbox.http.http_bench import HETU

BOTH = ("mediatri-loviisa", "mediatri-sipoo")


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Running]:
    """Both installations as a whole sandbox runs them, with its secrets and real time."""
    config = new_config(0, installations=BOTH).model_copy(update={"residents": 100})
    async with running(config, tmp_path) as started:
        yield started


def client(sandbox: Running, installation: str) -> zeep.Client:
    one = sandbox.world.installations[installation]
    address = f"http://127.0.0.1:{one.config.port}/ws/Ajanvaraus?wsdl"
    settings = zeep.Settings(forbid_dtd=True)
    credentials = one.config.credentials
    token = UsernameToken(credentials["username"], credentials["password"], use_digest=True)
    return zeep.Client(address, wsse=token, settings=settings)


def _walk(service: Any) -> dict[str, Any]:
    """Call every operation, as a client would that was made from the WSDL."""
    seen: dict[str, Any] = {
        "units": service.HaeYksikot(),
        "services": service.HaePalvelut(),
        "people": service.HaeAmmattihenkilot(),
        "calendars": service.HaeKalenterit(),
    }
    begin = service.HaeMuutokset()
    try:
        patient = service.HaePotilas(henkilotunnus=HETU["aino"])
    except zeep.exceptions.Fault:
        patient = service.LuoPotilas(henkilotunnus=HETU["aino"], asiakasViite="r-1").potilas
    free = service.HaeVapaatAjat(alkupaiva="24.03.2027", loppupaiva="30.03.2027").vapaaAika[0]
    wish = {"potilasnumero": patient.potilasnumero, "kalenteri": free.kalenteri, "alku": free.alku}
    reserved = service.VaraaAika(**wish, asiakasViite="v-1")
    booked = service.VahvistaVaraus(varaustunnus=reserved.varaustunnus, asiakasViite="v-1", lisatiedot="Yskä & kuume")
    cancelled = service.PeruAika(
        varausnumero=booked.varausnumero,
        potilasnumero=patient.potilasnumero,
        alkuperainenAlku=booked.alku,
        peruutussyy="ASIAKAS_PERUI",
        asiakasViite="p-1",
    )
    listed = service.HaeAjanvaraukset(asiakasViite="p-1")
    changes = service.HaeMuutokset(kursori=begin.kursori)
    return seen | {"booked": booked, "cancelled": cancelled, "listed": listed, "changes": changes}


@pytest.mark.parametrize("installation", BOTH)
async def test_zeep_calls_every_operation(sandbox: Running, installation: str) -> None:
    one = await asyncio.to_thread(client, sandbox, installation)
    seen = await asyncio.to_thread(_walk, one.service)
    assert {unit.kunta for unit in seen["units"]} == {"mediatri-sipoo": {"753"}, "mediatri-loviisa": {"434", "407"}}[
        installation
    ]
    assert 4 <= len(seen["services"]) <= 12
    assert seen["booked"].tila == "VARATTU"
    assert seen["booked"].lisatiedot == "Yskä & kuume"
    assert seen["cancelled"].ajanvaraus.tila == "PERUTTU"
    assert [found.perumisViite for found in seen["listed"].ajanvaraus] == ["p-1"]
    assert [found.numero for found in seen["changes"].muutos] == [seen["booked"].varausnumero]


async def test_zeep_understands_a_fault(sandbox: Running) -> None:
    one = await asyncio.to_thread(client, sandbox, "mediatri-sipoo")
    with pytest.raises(zeep.exceptions.Fault) as raised:
        await asyncio.to_thread(one.service.HaePotilas, potilasnumero="1")
    virhe = one.get_element("{http://mediatri.example/ajanvaraus/v1}Virhe")
    detail = virhe.parse(raised.value.detail[0], one.wsdl.types)
    assert (raised.value.code, detail.koodi, detail.kohta) == ("soap:Client", "TUNTEMATON_POTILAS", "potilasnumero")


async def test_the_neutral_listing_shows_what_was_done(sandbox: Running) -> None:
    one = await asyncio.to_thread(client, sandbox, "mediatri-sipoo")
    seen = await asyncio.to_thread(_walk, one.service)
    control = f"http://127.0.0.1:{sandbox.control.port}/installations/mediatri-sipoo"
    async with httpx.AsyncClient(verify=PLAIN) as http:
        (booking,) = (await http.get(f"{control}/bookings", params={"placer_id": "v-1"})).json()
        armed = await http.post(f"{control}/faults", json={"kind": "drop-answer", "operation": "hold"})
        refused = await http.post(f"{control}/faults", json={"kind": "pending-answer", "operation": "book"})
        journal = (await http.get(f"{control}/journal")).json()
    assert (booking["id"], booking["status"]) == (seen["booked"].varausnumero, "cancelled")
    assert (armed.status_code, refused.status_code) == (201, 422)
    assert len(journal) > 20
