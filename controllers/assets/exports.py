"""Exports of assets and of their measures (device-manager 2.8)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.export_links import ExportBody, ExportLinks, Form, Target
from device_manager.router.controller import action
from device_manager.router.parameters import Lang
from device_manager.router.request import Request
from device_manager.twins.exports.tickets import Subject
from device_manager.twins.measures.reading import Window
from device_manager.twins.places import ASSETS, MEASURES


class AssetExports(ExportLinks):
    """Assets and their measures as files."""

    @action(
        http=[
            "POST /_/device-manager/:engineId/assets/_export",
            "GET /_/device-manager/:engineId/assets/_export/:exportId",
        ],
        collection=ASSETS,
        plain_errors=True,
    )
    async def export(
        self,
        request: Request,
        engine_id: str,
        lang: Lang,
        body: ExportBody | None = None,
        export_id: str | None = None,
        format: str = "csv",
        chunk: str = "line",
    ) -> Any:
        """Prepare a file of all assets that match a query, with the last measure of each slot.

        The link in the answer works for one download, over HTTP, by whoever has the right to this action. `format` is
        `csv`, `jsonl` (JSON lines) or `parquet`. The file comes with one HTTP chunk for each line, or with
        `chunk=page` one for each thousand. What is wrong with a download is answered as plain text.

        Example request:

            {"controller": "device-manager/assets", "action": "export", "engineId": "tenant-a",
             "body": {"query": {"term": {"model": "Container"}}, "sort": [{"reference": "asc"}]}}

        Example result:

            {"link": "/_/device-manager/tenant-a/assets/_export/0b5c1c52-6f2c-4f2c-9d1b-2b7a3a0f5c11"}

        Raises:
            ApiError: `services.storage.not_found` for an unknown engine, `api.assert.invalid_argument` for a format,
                `device_manager.exports.no_parquet`; of the download `device_manager.exports.not_found` for a link that
                was used or has expired, and a 400 for what is wrong with the query.
        """
        target = Target("export", ASSETS, Subject(engine_id, ASSETS))
        return await self._export(request, target, Form(export_id, format, chunk), lang, body, None)

    @action(
        http=[
            "POST /_/device-manager/:engineId/assets/:_id/measures/_export",
            "GET /_/device-manager/:engineId/assets/:_id/measures/_export/:exportId",
        ],
        collection=MEASURES,
        plain_errors=True,
    )
    async def export_measures(
        self,
        request: Request,
        engine_id: str,
        _id: str,
        lang: Lang,
        body: ExportBody | None = None,
        start_at: Any = None,
        end_at: Any = None,
        type: str | None = None,
        export_id: str | None = None,
        format: str = "csv",
        chunk: str = "line",
    ) -> Any:
        """Prepare a file of the measures of an asset, the newest first unless `sort` says otherwise.

        `startAt`, `endAt`, `type` and `query` choose measures as in `getMeasures`; the rest is as in `export`.

        Example request:

            {"controller": "device-manager/assets", "action": "exportMeasures", "engineId": "tenant-a",
             "_id": "Container-A-1", "startAt": "2026-03-01T00:00:00Z", "format": "jsonl"}

        Example result:

            {"link": "/_/device-manager/tenant-a/assets/Container-A-1/measures/_export/0b5c1c52-6f2c?format=jsonl"}

        Raises:
            ApiError: `services.storage.not_found`, `api.assert.invalid_type` for a date, `api.assert.invalid_argument`
                for a format, `device_manager.exports.no_parquet`; of the download `device_manager.exports.not_found`
                for a link that was used or has expired, and a 400 for what is wrong with the query.
        """
        target = Target("exportMeasures", f"asset-{_id}", Subject(engine_id, ASSETS, _id))
        window = Window(0, 0, start_at, end_at, type)
        return await self._export(request, target, Form(export_id, format, chunk), lang, body, window)
