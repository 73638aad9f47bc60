"""The base of the parts of the controller `document`, and what their bodies hold."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from device_manager.documents.domain import Documents
from device_manager.documents.updating import Change
from device_manager.errors import api_error
from device_manager.router.controller import Controller
from device_manager.router.request import Request


class DocumentsController(Controller):
    """A group of actions over native documents."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents


class UpsertBody(msgspec.Struct):
    """The body of `upsert`."""

    changes: dict[str, Any]
    default: dict[str, Any] | None = None


class FieldsBody(msgspec.Struct):
    """The body of `deleteFields`: dotted paths."""

    fields: list[str]


class ChangesBody(msgspec.Struct):
    """The body of `updateByQuery`."""

    changes: dict[str, Any]
    query: Any = None

    def change(self, lang: str, *, force: bool) -> Change:
        """What is to be changed.

        Raises:
            ApiError: `services.storage.missing_argument` for a query that is no object.
        """
        if not isinstance(self.query, dict):
            raise api_error("services.storage.missing_argument", "body.query")
        return Change(self.query, lang, self.changes, force)


class DocumentsBody(msgspec.Struct):
    """The body of actions on many documents."""

    documents: list[Any]


def read_query(body: dict[str, Any] | None, *, required: bool) -> Any:
    """The query that says which documents are deleted.

    Raises:
        ApiError: `services.storage.missing_argument` when it is required and no object, `invalid_search_query` for
            members of the body beside it.
    """
    content = body or {}
    for name in content:
        if name != "query":
            raise api_error("services.storage.invalid_search_query", name)
    query = content.get("query")
    if required and not isinstance(query, dict):
        raise api_error("services.storage.missing_argument", "body.query")
    return query


def read_ids(request: Request) -> list[Any]:
    """The ids of a request: `body.ids`, or the argument `ids` as an array, as JSON text or with commas in between.

    Raises:
        ApiError: `api.assert.missing_argument`, `invalid_type`.
    """
    body = request.body if isinstance(request.body, dict) else {}
    value = body.get("ids", request.args.get("ids"))
    if value is None:
        raise api_error("api.assert.missing_argument", "ids")
    if isinstance(value, str):
        value = _split(value)
    if not isinstance(value, list):
        raise api_error("api.assert.invalid_type", "ids", "array")
    return value


def read_texts(ids: list[Any]) -> list[str]:
    """Ids that are all texts.

    Raises:
        ApiError: `api.assert.invalid_type` names the first one that is none.
    """
    for place, id in enumerate(ids):
        if not isinstance(id, str):
            raise api_error("api.assert.invalid_type", f"ids[{place}]", "string")
    return ids


def _split(text: str) -> Any:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        content = None
    return content if isinstance(content, list) else [part for part in text.split(",") if part]
