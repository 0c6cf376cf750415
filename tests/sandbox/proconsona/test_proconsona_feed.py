"""The change feed: complete, in order, its archive unchanging, and nothing of a person in it (manual §9)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from tests.sandbox.http.http_bench import HETU
from tests.sandbox.proconsona.conftest import opened
from tests.sandbox.proconsona.proconsona_bench import BASE, NS, Bench, cancel


def links(root: Any) -> dict[str, str]:
    """The feed's own links by relation."""
    return {one.get("rel"): one.get("href") for one in root.findall("a:link", NS)}


def entries(root: Any) -> list[tuple[str, int]]:
    """Address and version of every entry, newest first."""
    return [
        (one.find("a:link", NS).get("href").removeprefix(BASE), int(one.findtext("pc:versio", None, NS)))
        for one in root.findall("a:entry", NS)
    ]


async def all_documents(bench: Bench) -> list[Any]:
    """The subscription document and every archive page, newest first, by their links."""
    found = []
    target: str | None = "/muutokset"
    while target is not None:
        answer = await bench.ask("GET", target)
        assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
        found.append(answer.root)
        target = links(answer.root).get("prev-archive")
    return found


async def test_it_names_every_meeting(bench: Bench) -> None:
    await bench.booked()
    named = [entry for root in await all_documents(bench) for entry in entries(root)]
    newest: dict[str, int] = {}
    for address, version in named:
        newest.setdefault(address, version)
    hidden = {one.id for one in bench.system.calendars.values() if one.service == "LAS"}
    meetings = [one for one in bench.system.appointments() if one.calendar not in hidden]
    assert newest == {f"/tapaamiset/{one.id}": one.version for one in meetings}
    assert named[0][1] == 1


async def test_links_and_marks(bench: Bench) -> None:
    current, *archive = await all_documents(bench)
    pages = len(archive)
    assert pages > 3
    assert links(current) == {"self": f"{BASE}/muutokset", "prev-archive": f"{BASE}/muutokset/arkisto/{pages}"}
    assert current.find("fh:archive", NS) is None
    for number, root in zip(range(pages, 0, -1), archive, strict=True):
        around = {"prev-archive": number - 1, "next-archive": number + 1}
        expected = {name: f"{BASE}/muutokset/arkisto/{n}" for name, n in around.items() if 1 <= n <= pages}
        assert links(root) == expected | {"self": f"{BASE}/muutokset/arkisto/{number}", "current": f"{BASE}/muutokset"}
        assert root.find("fh:archive", NS) is not None
    for number in (0, pages + 1, "01", "x", "99999999999"):
        assert (await bench.ask("GET", f"/muutokset/arkisto/{number}")).error == (404, "EI_LOYDY")


async def test_it_is_what_rfc_4287_asks(bench: Bench) -> None:
    ids: list[str] = []
    for root in await all_documents(bench):
        assert all(root.findtext(f"a:{name}", "", NS) for name in ("id", "title", "updated", "author/a:name"))
        ids.append(root.findtext("a:id", None, NS))
        updated = [one.findtext("a:updated", None, NS) for one in root.findall("a:entry", NS)]
        assert updated == sorted(updated, reverse=True)
        for entry in root.findall("a:entry", NS):
            assert {etree.QName(child).localname for child in entry} == {
                "id",
                "title",
                "updated",
                "category",
                "link",
                "versio",
            }
            assert entry.find("a:link", NS).get("rel") == "alternate"
            ids.append(entry.findtext("a:id", None, NS))
    assert len(ids) == len(set(ids))
    assert all(one.startswith("urn:uuid:") for one in ids)


async def test_every_change_has_its_entry_in_order(bench: Bench) -> None:
    booked = await bench.booked()
    offer = bench.proposed("axel")
    await bench.change(booked.text("tunnus"), 1, cancel())
    await bench.change(offer.id, 1, "<hyvaksy/>")
    bench.system.register_patient(HETU["marja"])
    number = bench.number("marja")
    found = entries((await bench.ask("GET", "/muutokset")).root)[:5]
    assert found == [
        (f"/asiakkaat/{number}", 1),
        (f"/tapaamiset/{offer.id}", 2),
        (f"/tapaamiset/{booked.text('tunnus')}", 2),
        (f"/tapaamiset/{offer.id}", 1),
        (f"/tapaamiset/{booked.text('tunnus')}", 1),
    ]
    assert (await bench.ask("GET", f"/asiakkaat/{number}")).status == 200


async def test_the_archive_does_not_change(bench: Bench) -> None:
    before = [entries(root) for root in (await all_documents(bench))[1:]]
    for _ in range(60):
        await bench.change((await bench.booked()).text("tunnus"), 1, cancel())
    after = [entries(root) for root in (await all_documents(bench))[1:]]
    assert after[-len(before) :] == before
    assert len(after) > len(before)


async def test_new_days_bring_entries(bench: Bench) -> None:
    seen = {entry for root in await all_documents(bench) for entry in entries(root)}
    bench.system.clock.advance(timedelta(days=3))
    fresh = {entry for root in await all_documents(bench) for entry in entries(root)} - seen
    assert fresh
    assert {version for _, version in fresh} == {1}


async def test_nothing_new_is_304(bench: Bench) -> None:
    first = await bench.ask("GET", "/muutokset")
    etag = first.headers["etag"]
    again = await bench.ask("GET", "/muutokset", If_None_Match=etag)
    assert (again.status, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await bench.ask("GET", "/muutokset", If_None_Match=f'"x", W/{etag}')).status == 304
    await bench.booked()
    assert (await bench.ask("GET", "/muutokset", If_None_Match=etag)).status == 200


async def test_the_same_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.booked()
        bench.system.clock.advance(timedelta(days=2))
        await bench.booked("helvi")
        before = [entries(root) for root in await all_documents(bench)]
    async with opened(tmp_path) as bench:
        assert [entries(root) for root in await all_documents(bench)] == before


async def test_nothing_of_a_person(bench: Bench) -> None:
    await bench.booked(text="salaisuus", external="oma:1")
    for root in await all_documents(bench):
        text = etree.tostring(root, encoding="unicode")
        assert not any(
            word in text for word in ("salaisuus", "oma:1", bench.number("aino"), "Testinen", *HETU.values())
        )
