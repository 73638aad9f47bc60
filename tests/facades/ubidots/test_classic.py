"""The client on PyPI, unmodified (facades 4.9, case 10; 4.2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ubidots import ApiClient
from ubidots.apiclient import UbidotsError400, UbidotsError404, UbidotsForbiddenError

from device_manager.call import Call
from device_manager.security.foreign_credentials import Interface, Proof, proof_key
from device_manager.storage.contract import Transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")
T = 1_700_000_000_000


def use(url: str, api_key: str, names: list[str]) -> ApiClient:
    """What a program that uses the client does."""
    api = ApiClient(apikey=api_key, base_url=url)
    listed = api.get_datasources()
    assert [source.name for source in listed] == names
    made = [api.create_datasource({"name": f"Source {number:02}"}) for number in range(5)]
    assert [source.id for source in api.get_datasources()] == [source.id for source in [*listed, *made]]
    assert [source.id for source in api.get_datasources(5)] == [source.id for source in listed[:5]]
    source = api.get_datasource(made[3].id)
    assert (source.name, source.label, source.parent, source.url) == ("Source 03", "Source-03", None, made[3].url)
    assert api.get_datasource(url=source.url).id == source.id
    assert api.create_datasource({"name": "Source 03"}).label.startswith("Source-03-")
    described = api.create_datasource({"name": "D", "description": "d", "tags": ["t"], "context": {"a": 1}})
    assert (described.description, described.tags, described.context) == ("d", ["t"], {"a": 1})

    variable = source.create_variable({"name": "Flow", "unit": "l/s"})
    assert (variable.name, variable.unit, variable.datasource["id"]) == ("Flow", "l/s", source.id)
    assert variable.save_value({"value": 10, "context": {"a": 1}})["value"] == 10
    variable.save_values([{"value": number, "timestamp": T + number} for number in range(120)])
    assert [value["value"] for value in variable.get_values(5)] == [10, 119, 118, 117, 116]
    assert variable.get_values(1)[0]["context"] == {"a": 1}
    assert len(variable.get_values()) == 121
    assert [one.id for one in source.get_variables()] == [variable.id]
    assert [one.name for one in api.get_variables()] == ["Flow"]
    other = source.create_variable({"name": "Level", "unit": "m"})
    api.save_collection([{"variable": variable.id, "value": 1}, {"variable": other.id, "value": 2}])
    assert api.get_variable(other.id).last_value["value"] == 2
    other.remove_values(T, 2 * T)
    assert api.get_variable(other.id).last_value == {}
    assert variable.remove_variable() is True
    with pytest.raises(UbidotsError404):
        api.get_variable(variable.id)

    source.remove_datasource()
    with pytest.raises(UbidotsError404) as missing:
        api.get_datasource(source.id)
    assert missing.value.detail["code"] == 404001
    with pytest.raises(UbidotsError400) as refused:
        api.create_datasource({"name": ""})
    assert refused.value.detail["detail"] == {"name": ["This field is required."]}
    return api


async def test_the_classic_client(client: Any) -> None:
    url = f"{client.url}/api/v1.6/"
    bodies = [{"label": f"pump-{number}", "name": f"Pump {number}"} for number in range(65)]
    await client.bulk("POST", "/api/v2.0/devices/_/bulk/create/", bodies)
    rows = (await client.json("GET", "/api/v2.0/devices/?fields=name&page_size=100", 200))["results"]
    names = [row["name"] for row in rows]
    assert len(names) == 65
    api = await asyncio.to_thread(use, url, client.api_key, names)
    first = api.bridge._token
    known = await client.application.security.foreign_credentials.find(Interface.UBIDOTS, Proof.TOKEN, first)
    assert known.expires_at > 0
    await put_expiry(client, first, 1)
    answer = await client.http.get("/api/v1.6/datasources", headers={"X-Auth-Token": first})
    assert (answer.status_code, answer.json()["code"]) == (401, 401002)
    assert len(await asyncio.to_thread(api.get_datasources)) == 71
    assert api.bridge._token != first
    store = client.application.store
    assert await store.read([proof_key(Interface.UBIDOTS, Proof.TOKEN, first)]) == {}, "expired ones are removed"

    with_token = ApiClient(token=client.token, base_url=url)
    assert len(await asyncio.to_thread(with_token.get_datasources)) == 71
    with pytest.raises(UbidotsForbiddenError):
        await asyncio.to_thread(ApiClient, apikey="none", base_url=url)


async def test_tokens(client: Any) -> None:
    """How they are shown, how they are made, and that use keeps them alive."""
    path = "/api/v1.6/auth/token"
    answer = await client.http.post(f"{path}/", headers={"X-Ubidots-ApiKey": client.api_key})
    assert (answer.status_code, list(answer.json())) == (201, ["token"])
    token = answer.json()["token"]
    assert token != client.token
    client.http.headers.pop("x-auth-token")
    assert (await client.http.post(path)).json()["code"] == 401001
    assert (await client.http.post(path, headers={"X-Ubidots-ApiKey": "no"})).json()["code"] == 401002
    lists = "/api/v2.0/devices"
    assert (await client.http.get(lists, headers={"X-AUTH-TOKEN": token})).status_code == 200
    assert (await client.http.get(lists, headers={"Authorization": f"Bearer {token}"})).status_code == 200
    assert (await client.http.get(lists, params={"token": token})).status_code == 200
    answer = await client.http.get(lists, params={"token": token}, headers={"X-Auth-Token": "no"})
    assert answer.json()["code"] == 401002, "the header wins"
    assert (await client.http.get(lists, headers={"X-Auth-Token": client.api_key})).json()["code"] == 401002

    known = client.application.security.foreign_credentials
    soon = (await known.find(Interface.UBIDOTS, Proof.TOKEN, token)).expires_at - 21_600_000
    await put_expiry(client, token, soon + 10_000)
    assert (await client.http.get(lists, headers={"X-Auth-Token": token})).status_code == 200
    assert (await known.find(Interface.UBIDOTS, Proof.TOKEN, token)).expires_at >= soon + 21_600_000
    [credential] = await known.find_all(client.engine)
    await client.application.router.call("device-manager/credentials", "revoke", args={"_id": credential["_id"]})
    assert (await client.http.get(lists, headers={"X-Auth-Token": token})).json()["code"] == 401002
    assert (await client.http.get(lists, headers={"X-Auth-Token": client.token})).json()["code"] == 401002


async def test_too_many_requests(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential may have a rate, whichever of its tokens are used; others go on."""
    known = shared.application.security.foreign_credentials
    other = await known.create(Interface.UBIDOTS, shared.engine, None, Call())
    interface = shared.application.gateway.service.foreign.find(b"/api/v2.0/devices/").interface
    monkeypatch.setattr(interface._authentication, "_rate", 1)
    path = "/api/v2.0/devices/?fields=id"
    while (answer := await shared.http.get(path)).status_code == 200:
        pass
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, 429001, "1")
    assert (await shared.http.get(path, headers={"X-Auth-Token": other["token"]})).status_code == 200
    while (answer := await shared.http.get(path)).status_code == 429:
        await asyncio.sleep(0.05)
    assert answer.status_code == 200


async def put_expiry(client: Any, token: str, at: int) -> None:
    """Write down when a token expires, and let the server read it."""
    key = proof_key(Interface.UBIDOTS, Proof.TOKEN, token)

    def decide(tx: Transaction) -> None:
        document = tx.read((key,))[key]
        tx.replace(key, document.source | {"expiresAt": at})

    await client.application.store.transact(decide)
    await client.application.security.memory.generation.look(again=True)
