"""Clients of other systems act as the user of their credential, and in its engine only (facades 1.2)."""

from __future__ import annotations

import pytest

from device_manager.app import Application
from device_manager.call import Call
from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.router.request import Connection
from device_manager.security.foreign_credentials import Interface, Proof

pytestmark = pytest.mark.asyncio(loop_scope="session")
ASSETS, DEVICES, ENGINES, MODELS = (f"device-manager/{name}" for name in ("assets", "devices", "engine", "models"))


async def actor_for(application: Application, engine: str) -> Actor:
    """A new credential's."""
    known = application.security.foreign_credentials
    made = await known.create(Interface.TEOS, engine, None, Call())
    caller = await known.find(Interface.TEOS, Proof.TOKEN, made["token"])
    assert caller is not None
    connection = Connection("c", "http", ("10.0.0.7",))
    return Actor(application.router, caller, application.settings.platform_index, connection)


async def test_calls_stay_in_the_engine_and_under_the_user(application: Application, engine: str) -> None:
    other = f"{engine}-b"
    for index in (engine, other):
        await application.router.call(ENGINES, "create", args={"index": index})
    model = {"model": "Room", "engineGroup": "commons", "measures": []}
    await application.router.call(MODELS, "writeAsset", body=model)
    await application.router.call(MODELS, "writeDevice", body={"model": "Probe", "measures": []})
    device = {"model": "Probe", "reference": engine}
    await application.router.call(DEVICES, "create", args={"engineId": other}, body=device)

    actor = await actor_for(application, engine)
    made = await actor.call(ASSETS, "create", body={"model": "Room", "reference": "1"}, engineId=other)
    assert made["_source"]["_kuzzle_info"]["author"] == actor.caller.kuid
    assert (await actor.call(ASSETS, "get", _id="Room-1"))["_id"] == "Room-1"
    with pytest.raises(ApiError, match="not found"):
        await application.router.call(ASSETS, "get", args={"engineId": other, "_id": "Room-1"})
    await actor.call(MODELS, "writeAsset", body={**model, "model": "Hall"})
    for controller, action, args in (
        ("security", "getUser", {"_id": actor.caller.kuid}),
        (ENGINES, "create", {"index": f"{engine}-c"}),
        ("document", "get", {"index": other, "collection": "devices", "_id": f"Probe-{engine}"}),
    ):
        with pytest.raises(ApiError) as refused:
            await actor.call(controller, action, **args)
        assert refused.value.id == "security.rights.forbidden"


async def test_no_right_of_the_user_leads_out_of_the_engine(application: Application, engine: str) -> None:
    """Even an administrator's credential finds nothing of other engines."""
    other = f"{engine}-b"
    for index in (engine, other):
        await application.router.call(ENGINES, "create", args={"index": index})
    await application.router.call(MODELS, "writeDevice", body={"model": "Probe", "measures": []})
    await application.router.call(
        DEVICES, "create", args={"engineId": other}, body={"model": "Probe", "reference": engine}
    )
    known = application.security.foreign_credentials
    made = await known.create(Interface.TEOS, engine, "admin", Call())
    caller = await known.find(Interface.TEOS, Proof.TOKEN, made["token"])
    assert caller is not None
    actor = Actor(application.router, caller, application.settings.platform_index, Connection("c", "http"))
    records = [{"deviceId": f"Probe-{engine}", "engineId": other}]
    answer = await actor.call(DEVICES, "mDetachEngines", body={"records": records})
    assert answer["successes"] == []
    stored = await application.router.call(DEVICES, "get", args={"engineId": other, "_id": f"Probe-{engine}"})
    assert stored["_source"]["engineId"] == other
