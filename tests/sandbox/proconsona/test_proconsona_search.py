"""Lists: directory, free times, meetings, their pages, and the two summer-time nights (manual §5, §7, §8.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.clock import HELSINKI
from sandbox.installations import load_installation
from tests.sandbox.proconsona.conftest import opened
from tests.sandbox.proconsona.proconsona_bench import Bench, Reply, booking


async def pages(bench: Bench, target: str) -> list[Reply]:
    """Every page of a list."""
    found = [await bench.ask("GET", target)]
    while (link := found[-1].text("seuraava")) is not None:
        found.append(await bench.ask("GET", link))
    assert all(one.status == 200 for one in found)
    return found


@pytest.mark.parametrize("name", ["proconsona-loviisa", "proconsona-sipoo", "proconsona-askola"])
async def test_every_installation(tmp_path: Path, name: str) -> None:
    data = load_installation(name)
    assert 4 <= len(data.services) <= 12
    async with opened(tmp_path, name) as bench:
        units = (await bench.ask("GET", "/yksikot")).all("yksikko")
        assert {one.findtext("{*}kunta") for one in units} == set(data.municipalities)
        services = (await bench.ask("GET", "/palvelut")).all("palvelu")
        codes = [one.findtext("{*}koodi") for one in services]
        assert codes == sorted(one.code for one in data.services if one.category != "3")
        assert all(len(one.findall("{*}nimi")) == 2 for one in services)
        calendars = (await bench.ask("GET", "/tyontekijat")).all("kalenteri")
        assert {one.get("palvelu") for one in calendars} == set(codes)
        for code in codes:
            assert await bench.free(f"palvelu={code}"), code
        answer = await bench.book("aino", (await bench.free(f"palvelu={codes[0]}"))[0])
        assert answer.status == 201
        assert len(bench.proposals("aino")) == 2


async def test_one_of_each(bench: Bench) -> None:
    for name, key in (("yksikot", "tunnus"), ("palvelut", "koodi"), ("tyontekijat", "tunnus")):
        found = (await bench.ask("GET", f"/{name}")).root
        keys = [one.findtext(f"{{*}}{key}") for one in found]
        assert keys == sorted(keys)
        for one in keys:
            answer = await bench.ask("GET", f"/{name}/{one}")
            assert answer.text(key) == one


async def test_free_times_are_those_of_the_engine(bench: Bench) -> None:
    now = bench.system.clock.now()
    times = bench.system.free_times(now, (now.astimezone(UTC) + timedelta(days=14)).astimezone(HELSINKI))
    seen = [one for one in times if bench.system.services[bench.system.calendars[one.calendar].service].category != "3"]
    expected = [(one.calendar, one.start.isoformat(), str(one.left)) for one in seen]
    found = [one for page in await pages(bench, "/vapaat-ajat?koko=200") for one in page.all("vapaaAika")]
    assert [
        tuple(one.findtext(f"{{*}}{name}") for name in ("kalenteri", "alku", "vapaana")) for one in found
    ] == expected
    assert expected


@pytest.mark.parametrize("size", [1, 7, 50])
async def test_pages_give_each_time_once(bench: Bench, size: int) -> None:
    filters = "palvelu=IKA&alkaen=2027-03-23T00:00:00%2B02:00&paattyen=2027-03-26T00:00:00%2B02:00"
    (whole,) = await pages(bench, f"/vapaat-ajat?{filters}&koko=200")
    found = await pages(bench, f"/vapaat-ajat?{filters}&koko={size}")
    key = [(one.findtext("{*}alku"), one.findtext("{*}kalenteri")) for page in found for one in page.all("vapaaAika")]
    assert key == [(one.findtext("{*}alku"), one.findtext("{*}kalenteri")) for one in whole.all("vapaaAika")]
    assert all(len(page.all("vapaaAika")) == size for page in found[:-1])


async def test_a_page_stands_when_times_go_meanwhile(bench: Bench) -> None:
    first = await bench.ask("GET", "/vapaat-ajat?palvelu=TSO&koko=3")
    times = await bench.free(count=6)
    await bench.book("aino", times[1])
    second = await bench.ask("GET", first.text("seuraava") or "")
    found = [(one.findtext("{*}kalenteri"), one.findtext("{*}alku")) for one in second.all("vapaaAika")]
    assert found == times[3:6]


async def test_filters_of_free_times(bench: Bench) -> None:
    calendar = next(one for one in bench.system.calendars.values() if one.service == "VAM")
    for name, value, element in (
        ("palvelu", "VAM", "palvelu"),
        ("yksikko", calendar.unit, "yksikko"),
        ("tyontekija", calendar.professional, "tyontekija"),
        ("kalenteri", calendar.id, "kalenteri"),
    ):
        found = (await bench.ask("GET", f"/vapaat-ajat?{name}={value}")).all("vapaaAika")
        assert found
        assert {one.findtext(f"{{*}}{element}") for one in found} == {value}
    for filters in ("palvelu=EI", "palvelu=LAS", "kalenteri=00000000-0000-4000-8000-000000000000", "palvelu=vam"):
        assert (await bench.ask("GET", f"/vapaat-ajat?{filters}")).all("vapaaAika") == []


async def test_ranges(bench: Bench) -> None:
    for low, high, status in (
        ("2027-03-22T00:00:00Z", "2027-05-23T00:00:00Z", 200),
        ("2027-03-22T00:00:00Z", "2027-05-24T00:00:00Z", 400),
        ("2027-03-24T00:00:00Z", "2027-03-23T00:00:00Z", 200),
        ("1990-01-01T00:00:00Z", "1990-01-02T00:00:00Z", 200),
        ("9999-12-30T00:00:00Z", "9999-12-31T00:00:00Z", 200),
    ):
        found = await bench.ask("GET", f"/vapaat-ajat?alkaen={low}&paattyen={high}&palvelu=TSO")
        assert found.status == status, low
    assert (await bench.ask("GET", "/vapaat-ajat?alkaen=9999-12-30T00:00:00Z")).error == (400, "HAKU_LIIAN_LAAJA")
    assert (await bench.ask("GET", "/vapaat-ajat?paattyen=2028-01-01T00:00:00Z")).error == (400, "HAKU_LIIAN_LAAJA")


async def test_meetings_of_a_customer(bench: Bench) -> None:
    mine = bench.system.appointments(patient=bench.number("aino"))
    found = (await bench.ask("GET", f"/tapaamiset?asiakas={bench.number('aino')}")).all("tapaaminen")
    assert [one.findtext("{*}tunnus") for one in found] == [one.id for one in mine]
    assert {one.findtext("{*}tila") for one in found} == {"VARATTU", "TOTEUTUNUT", "EHDOTETTU"}


async def test_filters_of_meetings(bench: Bench) -> None:
    await bench.booked(external="b-1")
    aino = f"asiakas={bench.number('aino')}"
    assert len((await bench.ask("GET", "/tapaamiset?ulkoinenTunniste=b-1&tila=VARATTU")).all("tapaaminen")) == 1
    assert (await bench.ask("GET", "/tapaamiset?ulkoinenTunniste=b-1&tila=PERUTTU")).all("tapaaminen") == []
    assert (await bench.ask("GET", "/tapaamiset?ulkoinenTunniste=B-1")).all("tapaaminen") == []
    past = (await bench.ask("GET", f"/tapaamiset?{aino}&paattyen=2027-03-22T00:00:00%2B02:00")).all("tapaaminen")
    assert {one.findtext("{*}tila") for one in past} == {"TOTEUTUNUT"}
    unit = "5f0c7a52-9f6f-4a53-8e0e-2f1d3c434002"
    week = "alkaen=2027-03-22T00:00:00Z&paattyen=2027-03-29T00:00:00Z"
    found = (await bench.ask("GET", f"/tapaamiset?yksikko={unit}&{week}")).all("tapaaminen")
    assert {one.findtext("{*}yksikko") for one in found} == {unit}


async def test_a_search_must_be_bounded(bench: Bench) -> None:
    for filters in (
        "",
        "tila=VARATTU",
        "alkaen=2027-03-22T00:00:00Z",
        "paattyen=2027-03-22T00:00:00Z&yksikko=5f0c7a52-9f6f-4a53-8e0e-2f1d3c434002",
    ):
        assert (await bench.ask("GET", f"/tapaamiset?{filters}".rstrip("?"))).error == (400, "HAKU_LIIAN_LAAJA")
    wide = "alkaen=2027-03-22T00:00:00Z&paattyen=2027-06-22T00:00:00Z"
    assert (await bench.ask("GET", f"/tapaamiset?{wide}")).error == (400, "HAKU_LIIAN_LAAJA")
    assert (await bench.ask("GET", f"/tapaamiset?ulkoinenTunniste=x&{wide}")).status == 200


async def test_pages_of_meetings(bench: Bench) -> None:
    week = "alkaen=2027-03-22T00:00:00Z&paattyen=2027-04-05T00:00:00Z"
    found = await pages(bench, f"/tapaamiset?{week}&koko=20")
    ids = [one.findtext("{*}tunnus") for page in found for one in page.all("tapaaminen")]
    low, high = datetime.fromisoformat("2027-03-22T00:00:00Z"), datetime.fromisoformat("2027-04-05T00:00:00Z")
    hidden = {one.id for one in bench.system.calendars.values() if one.service == "LAS"}
    assert ids == [one.id for one in bench.system.appointments(start=low, end=high) if one.calendar not in hidden]
    assert len(found) > 2
    other = (found[0].text("seuraava") or "").replace("/tapaamiset", "/vapaat-ajat")
    assert (await bench.ask("GET", other)).error == (400, "JATKO")
    assert (await bench.ask("GET", f"{found[0].text('seuraava')}&koko=3")).error == (400, "JATKO")


async def test_the_spring_night(bench: Bench) -> None:
    night = "alkaen=2027-03-28T00:00:00%2B02:00&paattyen=2027-03-28T07:00:00%2B03:00"
    times = [start for _, start in await bench.free(f"palvelu=SPY&{night}", 50)]
    assert times
    assert not [one for one in times if one[11:13] == "03"]
    assert {one[19:] for one in times} == {"+02:00", "+03:00"}


async def test_the_autumn_night(bench: Bench) -> None:
    bench.system.clock.set(datetime.fromisoformat("2027-10-29T08:00:00+03:00"))
    calendar = next(one.id for one in bench.system.calendars.values() if one.service == "SPY")
    night = "alkaen=2027-10-31T00:00:00%2B03:00&paattyen=2027-10-31T07:00:00%2B02:00"
    for page_size in (1, 50):
        found = await pages(bench, f"/vapaat-ajat?palvelu=SPY&{night}&koko={page_size}")
        times = [one.findtext("{*}alku") for page in found for one in page.all("vapaaAika")]
        assert len(times) == len(set(times))
        instants = [datetime.fromisoformat(one).timestamp() for one in times]
        assert instants == sorted(instants)
    for start in (
        "2027-10-31T03:00:00+03:00",
        "2027-10-31T03:00:00+02:00",
        "2027-10-31T03:30:00+03:00",
        "2027-10-31T03:30:00+02:00",
    ):
        answer = await bench.ask("POST", "/tapaamiset", booking(bench.number("aino"), (calendar, start)))
        if answer.status == 201:
            assert (answer.text("alku"), start in times) == (start, True)
            assert bench.kept(answer.text("tunnus")).start.isoformat() == start
        else:
            assert (answer.error, start in times) == ((409, "AIKA_VARATTU"), False)
