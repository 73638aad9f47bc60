"""Settings of the interface: their bounds, limits of requests, forms of answers (facades 1.5, 3.7, 3.13)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from device_manager.app import Application
from device_manager.facades.teos.bounds import check_settings
from device_manager.facades.teos.errors import TeosError
from device_manager.facades.teos.rates import PerMinute
from device_manager.settings import InvalidSettings, Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
RATE = 100
CONTRACT = "0x" + "1" * 40


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """A server with limits, numbers for states, and errors in both cases."""
    forms = {"teos_state_format": "number", "teos_error_casing": "both"}
    return {"teos_confirm_delay": 0.01, "teos_ledger": 65535, "teos_rate": RATE, **forms}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"teos_ledger": 65536}, "teos_ledger is 65536, and has to be from 0 to 65535"),
        ({"teos_ledger": -1}, "teos_ledger is -1"),
        ({"teos_chain_id": 0}, "teos_chain_id is 0, and has to be from 1 to"),
        ({"teos_gas_limit": 30_000_001}, "teos_gas_limit"),
        ({"teos_confirm_delay": -0.1}, "teos_confirm_delay is -0.1, and has to be 0 or more"),
        ({"teos_poll": 0.0}, "teos_poll"),
        ({"teos_page": 0, "teos_rate": -1}, "teos_rate is -1, and has to be 0 or more; teos_page is 0"),
        ({"teos_rpc_url": "localhost:8545", "teos_contract": CONTRACT}, "teos_rpc_url is 'localhost:8545'"),
        ({"teos_rpc_url": "http://localhost:8545"}, "teos_rpc_url needs teos_contract"),
        ({"teos_contract": CONTRACT}, "teos_contract needs teos_rpc_url"),
        ({"teos_rpc_url": "http://localhost:8545", "teos_contract": "0x12"}, "teos_contract is '0x12'"),
    ],
)
async def test_settings_out_of_range_are_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidSettings, match="Unusable setting") as refused:
        check_settings(Settings(**given))
    assert named in str(refused.value)


async def test_a_server_with_settings_out_of_range_does_not_start(tmp_path: Any) -> None:
    given = Settings(store=f"sqlite:{tmp_path}", port=0, teos_ledger=70_000)
    with pytest.raises(InvalidSettings, match="teos_ledger is 70000, and has to be from 0 to 65535"):
        Application(given)
    Application(msgspec.structs.replace(given, teos=False))  # where there is no TEOS, it does not matter


async def test_a_minute_has_its_requests() -> None:
    now = 1_000_000.0
    rates = PerMinute(2, lambda: now)
    assert rates.count("a") == {
        "x-rate-limit-limit": "1m",
        "x-rate-limit-remaining": "1",
        "x-rate-limit-reset": "1970-01-12T13:47:00Z",
    }
    assert rates.count("a")["x-rate-limit-remaining"] == "0"
    with pytest.raises(TeosError) as refused:
        rates.count("a")
    assert (refused.value.status, refused.value.code) == (429, "13000")
    assert rates.count("b")["x-rate-limit-remaining"] == "1"
    now += 60
    assert rates.count("a")["x-rate-limit-remaining"] == "1"
    assert PerMinute(0).count("a") == {}


@pytest.mark.parametrize("application", ["sqlite"], indirect=True, scope="module")
async def test_answers_have_the_forms_that_are_set(lone_issuer: Any) -> None:
    issuer = lone_issuer
    placed = await issuer.place_asset("pump")
    assert placed["State"] == "1"
    answer = await issuer.post(placed, await issuer.sign(placed))
    assert answer.json()["State"] == "2"
    found = await issuer.settled(placed, "1", "2", "3")
    assert found["State"] == "4"
    [listed] = (await issuer.get("/Transactions?$filter=State eq 'Confirmed' and State eq 4"))["value"]
    assert (listed["Id"], listed["State"]) == (placed["Id"], "4")
    [asset] = (await issuer.get("/Assets"))["value"]
    assert asset["Id"].endswith("FFFF")
    refused = await issuer.http.get("/Assets('0x1')")
    assert refused.json()["Details"][0]["Code"] == refused.json()["details"][0]["code"] == "1001"
    assert int(refused.headers["x-rate-limit-remaining"]) < RATE


@pytest.mark.parametrize("application", ["sqlite"], indirect=True, scope="module")
async def test_a_credential_that_asks_too_often_is_told(lone_issuer: Any, make_issuer: Any) -> None:
    answers = [await lone_issuer.http.get("/Ping") for _ in range(2 * RATE + 1)]  # some of them after the minute's end
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert {answer.status_code for answer in answers} == {200, 429}
    assert refused.json()["code"] == "13000"
    assert (refused.headers["x-rate-limit-limit"], refused.headers["x-rate-limit-remaining"]) == ("1m", "0")
    reset = datetime.fromisoformat(refused.headers["x-rate-limit-reset"])
    assert -60 < (reset - datetime.now(UTC)).total_seconds() <= 60
    other = await make_issuer(lone_issuer.application, lone_issuer.engine)
    assert (await other.http.get("/Ping")).status_code == 200
