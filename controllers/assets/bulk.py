"""Assets by file (device-manager 6.3, design 7)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.import_bodies import ImportAssetsBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.places import ASSETS


class AssetBulk(TwinsController):
    """Creating and updating many assets."""

    @action(
        http=[
            "POST /_/device-manager/:engineId/assets/_import",
            "PUT /_/device-manager/:engineId/assets/_import",
            "POST /_/device-manager/assets/_import",
            "PUT /_/device-manager/assets/_import",
        ],
        collection=ASSETS,
        writes=True,
    )
    async def import_assets(
        self,
        request: Request,
        engine_id: str,
        body: ImportAssetsBody,
        strict: bool,
        upsert: bool,
        refresh: Refresh,
    ) -> dict[str, Any]:
        r"""Create many assets, as if the records were applied one by one in order.

        `csv` has the columns `model` and `reference` and, optionally, `_id` (which has to be `<model>-<reference>`) and
        `metadata.<field>` for each field; `records` are objects `{model, reference, _id?, metadata?}`. Cells are
        converted by the model's mappings: a position is `lat,lon`, arrays and objects are JSON, an empty cell is no
        value. What exists is an error of its record or, with `upsert`, gets the metadata merged into its own.

        Example request:

            {"controller": "device-manager/assets", "action": "importAssets", "engineId": "tenant-a",
             "body": {"csv": "model,reference,metadata.weight\nContainer,A-1,12\nContainer,A-2,heavy"}}

        Example result:

            {"successes": [{"row": 1, "_id": "Container-A-1", "model": "Container", "reference": "A-1",
                            "created": true, "changed": true}],
             "errors": [{"row": 2, "_id": "Container-A-2", "model": "Container", "reference": "A-2", "status": 400,
                         "id": "api.assert.invalid_type",
                         "reason": "Wrong type for argument \"metadata.weight\" (expected: integer)"}]}

        Raises:
            ApiError: `device_manager.bulk.malformed` or `unknown_column`, `services.storage.write_limit_exceeded` and
                `services.storage.not_found` (the engine); when `strict`, `device_manager.bulk.refused`, whose `errors`
                names every refused record.
        """
        bulk = self._twins.bulk
        call = call_of(request, refresh=refresh)
        return (await bulk.import_assets(engine_id, body.to_file(bulk.limit), strict, call, upsert=upsert)).to_dict()
