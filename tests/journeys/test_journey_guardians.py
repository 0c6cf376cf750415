"""A guardian sees of a minor's visits what may be shown to guardians (RestrictionParent 1 and 2), and nothing else."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Demo
from tests.journeys.portal import listed, live


@pytest.mark.parametrize("installation", ["proconsona-loviisa"])
def test_a_guardian_sees_what_may_be_shown_to_guardians(demo: Demo, installation: str) -> None:
    there = {one["start"]: one["restriction_parent"] for one in live(demo, installation, "lilja")}
    assert sorted(there.values(), key=str) == [2, 4, None], "the record system shows its client everything"
    with demo.client("lilja") as herself, demo.client("lilja-by-aino") as guardian:
        own = listed(herself, installation)
        assert {one["start"] for one in own} == set(there)
        shown = listed(guardian, installation)
        assert [there[one["start"]] for one in shown] == [2]
        for one in own:
            read = guardian.get(f"/Appointment/{one['id']}", headers={"Cache-Control": "no-cache"})
            assert read.status_code == (200 if there[one["start"]] == 2 else 404)
        absent = guardian.get("/Appointment/nobodysappointment")
        hidden = next(one for one in own if there[one["start"]] == 4)
        refused = demo.cancel(guardian, hidden)
        assert (refused.status_code, absent.status_code) == (404, 404), refused.text
    assert {one["start"]: one["restriction_parent"] for one in live(demo, installation, "lilja")} == there
