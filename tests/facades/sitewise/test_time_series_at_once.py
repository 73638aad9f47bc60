"""Data streams that several want at once belong to one property, whoever is faster (facades 2.4, 2.12)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.facades.acting import Actor
from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.errors import SiteWiseError
from device_manager.facades.sitewise.records import Records
from device_manager.facades.sitewise.series import Series
from device_manager.facades.sitewise.visit import Visit
from device_manager.router.request import Connection
from device_manager.security.foreign_credentials import ForeignCaller

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Site = Any
Stream = Any
CONFLICTS = "ConflictingOperationException"


async def test_a_stream_belongs_to_one_property(site: Site, call: Call, stream: Stream, make_tank: Any) -> None:
    client, now, alias = site.client(), int(time.time()) - 100, f"/race/{uuid.uuid4()}"
    # Many begin the same stream at once: it is one, with all their values.
    assert await asyncio.gather(*(stream.put({now + n: float(n)}, propertyAlias=alias) for n in range(6))) == [[]] * 6
    assert await stream.values(propertyAlias=alias) == [0, 1, 2, 3, 4, 5]
    assert len(await stream.list(aliasPrefix=alias)) == 1
    tanks = [await make_tank() for _ in range(2)]
    keys = [tank.key(name) for tank in tanks for name in ("level", "inflow")]
    associate = client.associate_time_series_to_asset_property
    done = await asyncio.gather(*(call(associate, alias=alias, **key) for key in keys), return_exceptions=True)
    assert [isinstance(one, dict) for one in done].count(True) == 1
    assert {one.response["Error"]["Code"] for one in done if isinstance(one, client.exceptions.ClientError)} == {
        CONFLICTS
    }
    assert [len(await stream.values(**key)) for key in keys].count(6) == 1
    (series,) = await stream.list(aliasPrefix=alias)
    assert keys.count({name: series[name] for name in ("assetId", "propertyId")}) == 1

    # Two streams want one property.
    both = [f"{alias}/{name}" for name in "xy"]
    for one in both:
        assert await stream.put({now: 1.0}, propertyAlias=one) == []
    tank = await make_tank()
    done = await asyncio.gather(
        *(call(associate, alias=one, **tank.key("level")) for one in both), return_exceptions=True
    )
    assert [isinstance(one, dict) for one in done].count(True) == 1
    assert await stream.values(**tank.key("level")) == [1]


async def test_who_is_second_to_begin_a_stream_gets_the_first_one(site: Site, call: Call, make_tank: Any) -> None:
    application, alias, tank = site.application, f"/second/{uuid.uuid4()}", await make_tank()
    aliases = Aliases(Records(application.store, application.security.collections))
    caller = ForeignCaller("test", site.engine, "-1")
    actor = Actor(application.router, caller, application.twins.platform, Connection("test", "internal"))
    visit = Visit(actor, site.url)
    first, second = (Series(data_type="DOUBLE", id=str(uuid.uuid4())) for _ in range(2))
    begun = await asyncio.gather(*(aliases.begin(visit, alias, series) for series in (first, second)))
    assert begun[0] == begun[1] and begun[0].created_at > 0
    (winner,) = {series.id for series in begun}
    assert (await call(site.client().describe_time_series, alias=alias))["timeSeriesId"] == winner
    # An alias that a property got meanwhile begins nothing, and nobody ends what somebody else began.
    taken = f"{alias}/taken"
    await call(site.client().update_asset_property, propertyAlias=taken, **tank.key("level"))
    for wrong in (
        aliases.begin(visit, taken, first),
        aliases.end(visit, taken, first),
        aliases.end(visit, alias, Series(data_type="DOUBLE", id=str(uuid.uuid4()))),
    ):
        with pytest.raises(SiteWiseError, match="try again"):
            await wrong
