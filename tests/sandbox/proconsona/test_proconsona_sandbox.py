"""The installations inside the whole sandbox: the desk proposes and decides, and the neutral listing agrees."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.config import new_config
from sandbox.describe import describe
from sandbox.serve import running
from tests.plain_http import PLAIN
from tests.sandbox.proconsona.proconsona_bench import BASE, NAMESPACE, at, change, signed

INSTALLATIONS = ("proconsona-loviisa", "proconsona-sipoo", "proconsona-askola")


async def test_desk_and_resident_agree_on_a_time(tmp_path: Path) -> None:
    config = new_config(0, installations=INSTALLATIONS).model_copy(update={"residents": 300})
    async with running(config, tmp_path) as sandbox:
        one = sandbox.world.installations["proconsona-askola"]
        assert one.face is not None
        assert one.problem is None
        credentials = one.config.credentials
        async with httpx.AsyncClient(verify=PLAIN) as client:
            control = f"http://127.0.0.1:{sandbox.control.port}/installations/proconsona-askola"
            free = (await client.get(f"{control}/free-times", params={"service": "SOS-1"})).json()
            asked = {"person": "kerttu", "start": free[0]["start"], "calendar": free[0]["calendar"]}
            offer = (await client.post(f"{control}/desk/propose", json=asked)).json()
            assert (offer["status"], uuid.UUID(offer["id"]).version) == ("proposed", 5)
            wish = change(1, at("ehdotaUutta", (free[1]["calendar"], free[1]["start"]))).encode()
            target = f"{BASE}/tapaamiset/{offer['id']}"
            headers = signed("PUT", target, wish, key=credentials["api_key"], secret=credentials["secret"])
            base = f"http://127.0.0.1:{one.face.port}"
            answer = await client.put(f"{base}{target}", content=wish, headers={**headers, "Content-Type": "text/xml"})
            assert answer.status_code == 200, answer.text
            decided = await client.post(f"{control}/desk/decide", json={"id": offer["id"], "decision": "booked"})
            assert decided.json()["status"] == "booked"
            listed = (await client.get(f"{control}/bookings", params={"person": "kerttu", "status": "booked"})).json()
            assert [(found["id"], found["version"], found["by_resident"]) for found in listed] == [
                (offer["id"], 3, True)
            ]
            headers = signed("GET", target, key=credentials["api_key"], secret=credentials["secret"])
            assert "<tila>VARATTU</tila>" in (await client.get(f"{base}{target}", headers=headers)).text


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_what_a_client_is_told(tmp_path: Path, name: str) -> None:
    config = new_config(0, installations=INSTALLATIONS)
    told: dict[str, Any] = next(one for one in describe(config, tmp_path)["installations"] if one["name"] == name)
    assert told["address"].endswith("/rajapinta/v3")
    assert set(told["credentials"]) == {"api_key", "secret", "service_tasks"}
    assert (told["sectors"], told["manual"]) == (["social"], "sandbox/proconsona/INTERFACE.md")
    assert NAMESPACE in (Path(__file__).parents[3] / told["manual"]).read_text("utf-8")
