"""The interface itself: from a request to the answer in the service's words (facades 2.2, 2.7, 2.9, 2.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.kept_answers import KeptAnswers, Token
from device_manager.facades.sitewise.authentication import Authentication
from device_manager.facades.sitewise.errors import SiteWiseError, from_api_error, invalid, throttled
from device_manager.facades.sitewise.operations import Asked, Content, Routes
from device_manager.facades.sitewise.reading import read_input
from device_manager.facades.sitewise.shapes import Idempotent, Input
from device_manager.facades.sitewise.visit import Visit
from device_manager.router.foreign import ForeignAnswer, ForeignInterface, ForeignRequest
from device_manager.router.router import Router
from device_manager.security.rates import PerSecond

JSON = "application/json"


class Service(NamedTuple):
    """What the interface works with, wherever it is mounted.

    Attributes:
        router: runs actions.
        platform: the platform index.
        authentication: knows the access keys.
        routes: the operations.
        answers: what was answered to requests with a token.
        rates: counts requests.
        rate: requests of one account in a second; 0 for any number.
    """

    router: Router
    platform: str
    authentication: Authentication
    routes: Routes
    answers: KeptAnswers
    rates: PerSecond
    rate: int


class SiteWise(ForeignInterface):
    """Answers clients of AWS IoT SiteWise.

    Args:
        service: what it works with.
        mounts: where it is.
    """

    name = "sitewise"
    finds_callers = True

    def __init__(self, service: Service, mounts: Sequence[str]) -> None:
        self.mounts = mounts
        self._service = service

    def at_root(self) -> SiteWise:
        """The same one for a port of its own."""
        return SiteWise(self._service, ["/"])

    async def answer(self, request: ForeignRequest) -> ForeignAnswer:
        """Answer a request: signature, route, constraints, then what it asks for."""
        try:
            return await self._answer(request)
        except SiteWiseError as error:
            return _error_answer(request, error)

    def refuse(self, request: ForeignRequest, error: ApiError) -> ForeignAnswer:
        """The error in the service's words."""
        try:
            is_data = self._service.routes.find(request.message.verb, request.rest).operation.is_data
        except SiteWiseError:
            is_data = False
        return _error_answer(request, from_api_error(error, is_data=is_data))

    async def _answer(self, request: ForeignRequest) -> ForeignAnswer:
        service = self._service
        caller = await service.authentication.caller(request)
        if service.rate and not service.rates.passes(caller.account, service.rate):
            raise throttled(f"The account made more than {service.rate} requests within a second.")
        asked = service.routes.find(request.message.verb, request.rest)
        request.asks_for(asked.operation.name)
        await request.comes_from(caller.kuid, caller.engine)
        input = read_input(asked, request.query, request.message)
        actor = Actor(service.router, caller, service.platform, request.connection)
        visit = Visit(actor, _base_url(request))
        if asked.operation.like is not None:
            await actor.check(*asked.operation.like)
        if asked.operation.first is not None:
            await asked.operation.first(visit, input)
        return _success(request, await self._kept(visit, asked, input))

    async def _kept(self, visit: Visit, asked: Asked, input: Input) -> _Outcome:
        """What the operation answers, or has answered to the client's token before."""

        async def run() -> _Outcome:
            content = await asked.operation.handler(visit, input)
            return _Outcome(asked.operation.status, content, visit.answer_headers)

        async def run_to_keep() -> str:
            return orjson.dumps([*await run()]).decode()

        if not isinstance(input, Idempotent) or input.client_token is None:
            return await run()
        token = _token(visit, asked, input, input.client_token)
        try:
            kept = await self._service.answers.answer(token, run_to_keep)
        except ApiError as error:
            if error.id == "api.process.idempotency_mismatch":
                raise invalid(
                    f"The clientToken {input.client_token} was used for this operation with different parameters."
                ) from None
            raise
        return _Outcome(*orjson.loads(kept))


class _Outcome(NamedTuple):
    """An answer as it is kept."""

    status: int
    content: Content | None
    headers: dict[str, str]


def _token(visit: Visit, asked: Asked, input: Input, text: str) -> Token:
    members: dict[str, Any] = msgspec.to_builtins(input)
    del members["clientToken"]
    scope = ("sitewise", visit.caller.account, visit.caller.region, asked.operation.name)
    return Token(visit.engine, scope, text, orjson.dumps(members, option=orjson.OPT_SORT_KEYS))


def _success(request: ForeignRequest, outcome: _Outcome) -> ForeignAnswer:
    body = b"" if outcome.content is None else orjson.dumps(outcome.content)
    return ForeignAnswer(outcome.status, body, _headers(request) | outcome.headers)


def _error_answer(request: ForeignRequest, error: SiteWiseError) -> ForeignAnswer:
    content = {"__type": error.name, "message": error.message, **error.members}
    headers = _headers(request) | {"x-amzn-errortype": error.name}
    return ForeignAnswer(error.status, orjson.dumps(content), headers, error.name)


def _headers(request: ForeignRequest) -> dict[str, str]:
    """What every answer says; clients show their users the id, by which the log has the request."""
    return {"content-type": JSON, "x-amzn-requestid": request.id}


def _base_url(request: ForeignRequest) -> str:
    host = next((value for name, value in request.message.headers if name == b"host"), b"")
    return f"http://{host.decode('latin-1')}{request.mount.decode('latin-1')}"
