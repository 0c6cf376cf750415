"""Which installation serves whom, on which day."""

from __future__ import annotations

from datetime import date

from hub.routing import Route, Routing, overlaps

OLD = Route("504", "health", "old", None, date(2022, 12, 31))
NEW = Route("504", "health", "porvoo", date(2023, 1, 1), None)
ORAL = Route("504", "oral", "porvoo")
LOVIISA = Route("434", "health", "loviisa")


def test_the_day_of_the_service_decides() -> None:
    routing = Routing([OLD, NEW], open_county=False)
    assert routing.serving("504", date(2022, 12, 31)) == {"old"}
    assert routing.serving("504", date(2023, 1, 1)) == {"porvoo"}


def test_sectors_are_apart() -> None:
    routing = Routing([NEW, ORAL, LOVIISA], open_county=False)
    assert routing.serving("504", date(2027, 1, 1), "oral") == {"porvoo"}
    assert routing.serving("434", date(2027, 1, 1), "oral") == frozenset()


def test_an_open_county_lets_its_residents_book_everywhere_and_nobody_else() -> None:
    routing = Routing([NEW, LOVIISA], open_county=True)
    day = date(2027, 1, 1)
    assert routing.bookable("434", day) == {"porvoo", "loviisa"}
    assert routing.bookable("434", date(2022, 1, 1)) == {"loviisa"}
    assert routing.bookable("091", day) == frozenset()
    assert Routing([NEW, LOVIISA], open_county=False).bookable("434", day) == {"loviisa"}


def test_two_installations_on_one_day_are_a_mistake() -> None:
    assert overlaps([OLD, NEW, ORAL, LOVIISA]) == []
    assert overlaps([OLD, Route("504", "health", "porvoo", date(2022, 12, 31), None)])
    assert overlaps([Route("504", "health", "a"), Route("504", "health", "b", date(2030, 1, 1), None)])


def test_a_municipality_is_the_countys_from_the_day_it_joined() -> None:
    routing = Routing([NEW, LOVIISA], open_county=True)
    assert routing.bookable("504", date(2022, 12, 31)) == frozenset()
    assert routing.bookable("504", date(2023, 1, 1)) == {"porvoo", "loviisa"}


def test_an_installation_may_be_open_in_one_sector_only() -> None:
    routes = [NEW, Route("504", "oral", "loviisa"), LOVIISA, Route("434", "oral", "loviisa")]
    day = date(2027, 1, 1)
    closed, open_ = Routing(routes, open_county=False), Routing(routes, open_county=True)
    assert closed.sectors(day, "504") == {"porvoo": {"health"}, "loviisa": {"oral"}}
    assert open_.sectors(day, "504") == {"porvoo": {"health"}, "loviisa": {"health", "oral"}}
    assert closed.sectors(date(2022, 1, 1), "504") == {"loviisa": {"oral"}}
    assert closed.all_sectors("loviisa") == {"health", "oral"}


def test_where_a_municipality_is_served_and_where_one_may_book_hold_both() -> None:
    routing = Routing([NEW, ORAL, LOVIISA, Route("434", "oral", "loviisa")], open_county=False)
    day = date(2027, 1, 1)
    assert routing.sectors(day, "504", ("434",)) == {}, "one's own county is closed, and this is not one's own"
    assert routing.sectors(day, None, ("434",)) == {"loviisa": {"health", "oral"}}, "a portal asks for nobody"
    assert routing.sectors(day, "") == {}, "nobody knows where they live"
    assert routing.sectors(day, "") == {}, "nor when asked again"
