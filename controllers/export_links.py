"""Links to exports and the answers to those who follow them (device-manager 2.8)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.request import ANONYMOUS, Request
from device_manager.router.response import Response
from device_manager.security.tokens import Purpose
from device_manager.twins.exports.formats import FORMATS, format_named
from device_manager.twins.exports.tickets import Subject
from device_manager.twins.measures.reading import Window


class ExportBody(msgspec.Struct):
    """What to export.

    Attributes:
        query: which documents, written in `lang`.
        sort: in which order, as in a search.
    """

    query: dict[str, Any] | None = None
    sort: Any = None

    def wanted(self) -> dict[str, Any]:
        """What has to be kept of it."""
        return {"query": self.query, "sort": self.sort}


class Form(NamedTuple):
    """How a file is to look, and which one is fetched.

    Attributes:
        ticket: of the file that is downloaded; None to prepare one.
        format: `csv`, `jsonl` or `parquet`.
        chunk: `line` or `page`.
    """

    ticket: str | None
    format: str
    chunk: str


class Target(NamedTuple):
    """Where an export goes.

    Attributes:
        action: canonical name of the action that both calls are for.
        file: name of the file without its extension.
        subject: what is exported.
    """

    action: str
    file: str
    subject: Subject

    @property
    def path(self) -> str:
        """The path of its links, without the ticket."""
        engine, collection, twin = self.subject
        below = "" if twin is None else f"/{quote(twin, safe='')}/measures"
        return f"/_/device-manager/{quote(engine, safe='')}/{collection}{below}/_export"


class ExportLinks(TwinsController):
    """What the exports of both kinds of twins share."""

    async def _export(
        self, request: Request, target: Target, form: Form, lang: str, body: ExportBody | None, window: Window | None
    ) -> Response | dict[str, Any]:
        """The file, or the link to one that is prepared: of measures in a `window`, or of twins without one."""
        if form.ticket is not None:
            return self._download(request, target, form.ticket, form)
        format_named(form.format)
        exports, subject = self._twins.exports, target.subject
        wanted = (body or ExportBody()).wanted()
        if window is None:
            ticket = await exports.prepare_twins(subject.engine, subject.collection, wanted, lang)
        else:
            ticket = await exports.prepare_measures(subject, window, wanted, lang)
        return await self._link(request, target, ticket, form.format)

    async def _link(self, request: Request, target: Target, ticket: str, format: str) -> dict[str, Any]:
        """The link to a prepared export, with a token that is good for nothing but this one download."""
        query = {} if format == "csv" else {"format": format}
        user = request.user_id
        # Browsers send their cookie with the download too, and a token beside it would be refused.
        has_cookie = request.identity is not None and not request.jwt
        if self._tokens is not None and user is not None and user != ANONYMOUS and not has_cookie:
            args = {"engineId": target.subject.engine, "exportId": ticket}
            if target.subject.twin is not None:
                args["_id"] = target.subject.twin
            lifetime = int(self._twins.exports.lifetime * 1000)
            issued = await self._tokens.issue_for(user, lifetime, Purpose(self.name, target.action, args))
            query["jwt"] = issued.token
        return {"link": f"{target.path}/{ticket}" + (f"?{urlencode(query)}" if query else "")}

    def _download(self, request: Request, target: Target, ticket: str, form: Form) -> Response:
        """The file, to be produced while it is sent; what is wrong before the first row is answered as plain text."""
        shown = FORMATS.get(form.format, FORMATS["csv"])
        return Response(
            request,
            headers={
                "content-type": shown.content_type,
                "content-disposition": content_disposition(f"{target.file}.{shown.name}"),
            },
            stream=self._twins.exports.download(target.subject, ticket, form.format, form.chunk),
            plain_errors=True,
        )


def content_disposition(file: str) -> str:
    """The header that says under which name to save; names beyond ASCII are told in full to those who can read it."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", file)
    header = f'attachment; filename="{plain}"'
    return header if plain == file else f"{header}; filename*=UTF-8''{quote(file, safe='')}"
