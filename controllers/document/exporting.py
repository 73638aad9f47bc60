"""Exporting documents (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.document.documents_controller import DocumentsController
from device_manager.controllers.export_links import content_disposition
from device_manager.documents.addresses import Target
from device_manager.documents.exporting import FORMATS, FileForm
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Lang
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.router.values import convert, json_text

MEMBERS = {"query": dict[str, Any], "sort": Any, "fields": list[str], "fieldsName": dict[str, str]}
"""What a request says of an export, in its body or as arguments, over HTTP also as JSON text."""


class DocumentExports(DocumentsController):
    """The action that writes documents down."""

    @action(http=["GET /:index/:collection/_export", "POST /:index/:collection/_export"])
    async def export(
        self,
        request: Request,
        index: str,
        collection: str,
        lang: Lang,
        format: str = "jsonl",
        separator: str = ",",
        size: int | None = None,
        scroll: str | None = None,
    ) -> Response:
        r"""Download the documents that match a query, over HTTP only, with one chunk for each line.

        `query`, `sort`, `fields` and `fieldsName` stand in the body, or as JSON in arguments. JSON lines (`jsonl`)
        begin with a line about the collection; `fields` chooses what each document shows. CSV (`csv`) has a column for
        `_id` and each of `fields`, else for everything that is mapped, under the names in `fieldsName`; objects and
        arrays are JSON, and a text that a spreadsheet would run as a formula gets an apostrophe in front. `size` and
        `scroll` are accepted and change nothing: all documents come, from one state of the collection.

        Example request:

            {"controller": "document", "action": "export", "index": "weather", "collection": "stations",
             "format": "csv", "body": {"fields": ["name", "place.height"], "fieldsName": {"name": "Station"}}}

        Example result:

            "_id,Station,place.height\nnorth,North,12\n"

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `invalid_search_query`,
                `api.assert.invalid_argument` for a format or a separator, `api.assert.invalid_type`,
                `api.assert.unsupported_protocol` when it does not come over HTTP.
        """
        if request.connection.protocol != "http":
            raise api_error("api.assert.unsupported_protocol", request.connection.protocol, "document:export")
        wanted = _wanted(request)
        form = FileForm(format, wanted.pop("fields", ()), wanted.pop("fieldsName", {}), separator)
        file = await self._documents.exporting.export(Target(index, collection), wanted, lang, form)
        return Response(
            request,
            headers={
                "content-type": FORMATS[format],
                "content-disposition": content_disposition(f"{index}-{collection}.{format}"),
            },
            stream=file,
        )


def _wanted(request: Request) -> dict[str, Any]:
    """What the request says of the file.

    Raises:
        ApiError: `api.assert.invalid_type`, `services.storage.invalid_search_query` for an unknown member of the body.
    """
    if request.body is not None and not isinstance(request.body, dict):
        raise api_error("api.assert.invalid_type", "body", "object")
    body: dict[str, Any] = request.body or {}
    for name in body:
        if name not in MEMBERS:
            raise api_error("services.storage.invalid_search_query", name)
    if "collapse" in request.args:
        raise api_error("services.storage.invalid_search_query", "collapse")
    wanted = {}
    for name, type in MEMBERS.items():
        value = body.get(name, json_text(request.args.get(name)))
        if name == "fields" and isinstance(value, str):
            value = [part for part in value.split(",") if part]
        if value is not None:
            wanted[name] = convert(value, type, name)
    return wanted
