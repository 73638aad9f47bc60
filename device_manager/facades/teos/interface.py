"""The interface: who calls, what the path means, which part answers (facades 3.1, 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

from device_manager.errors import ApiError
from device_manager.events import EventBus
from device_manager.facades.acting import Actor
from device_manager.facades.teos.answering import NAMES, Answering, Handler, Place, accepted
from device_manager.facades.teos.asset_routes import AssetRoutes
from device_manager.facades.teos.assets import Assets
from device_manager.facades.teos.balances import Balances
from device_manager.facades.teos.chain.contract import Chain
from device_manager.facades.teos.committing import Committing
from device_manager.facades.teos.errors import TeosError, not_found, translated, unauthorised
from device_manager.facades.teos.odata.metadata import metadata_json, metadata_xml, service_document
from device_manager.facades.teos.odata.options import page_of, read_options
from device_manager.facades.teos.odata.schema import ATTRIBUTE
from device_manager.facades.teos.odata.schema import BALANCE as BALANCE_TYPE
from device_manager.facades.teos.odata.schema import TRANSACTION as TRANSACTION_TYPE
from device_manager.facades.teos.odata.schema import WALLET as WALLET_TYPE
from device_manager.facades.teos.placing import Placing
from device_manager.facades.teos.rates import PerMinute
from device_manager.facades.teos.records import LEDGER, RECORDS
from device_manager.facades.teos.routes import Route, parse_route
from device_manager.facades.teos.sparks import Sparks
from device_manager.facades.teos.tables import TABLES, rows
from device_manager.facades.teos.telling import Telling
from device_manager.facades.teos.transactions import Transactions
from device_manager.facades.teos.visit import VERSION, Visit, base_url, json_answer, no_content
from device_manager.facades.teos.wallets import Wallets
from device_manager.router.foreign import ForeignAnswer, ForeignInterface, ForeignRequest
from device_manager.router.router import Router
from device_manager.security.foreign_credentials import ForeignCaller, ForeignCredentials, Interface, Proof
from device_manager.security.places import Collections
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.twins.domain import Twins

SERVICES = ("/odata/v0.8", "/odata/v0.9", "/odata/v1.0", "/odata/v1.1")
OUTSIDE = ("/version", "/health/summary", "/health/details")
EVENTS = "/api/v1.1/events/queue"
SETS = frozenset(NAMES)
NOT_PLANNED = frozenset(
    {"settings", "controllers", "supplies", "warps", "invoices", "sparkoperations", "currencies", "users"}
    | {"assetdetailclasses", "searchproperties"}
)
"""Sets that TEOS has and this server does not."""
UNSUPPORTED = frozenset({"setcontroller", "removeassetcontroller"})
"""Operations on assets that TEOS has and this server does not."""
BEARER = "bearer "


class Teos(ForeignInterface):
    """TEOS.

    Args:
        router: runs actions.
        store: where everything is.
        events: tell plugins what becomes of transactions.
        credentials: knows what clients show.
        collections: makes the collections of records.
        twins: the domain, which is not started yet.
        chain: what transactions are written to.
        settings: see `teos_...`.
    """

    name = "teos"
    finds_callers = True
    mounts: Sequence[str] = (*SERVICES, *OUTSIDE, EVENTS)

    def __init__(
        self,
        router: Router,
        store: Store,
        events: EventBus,
        credentials: ForeignCredentials,
        collections: Collections,
        twins: Twins,
        chain: Chain,
        settings: Settings,
    ) -> None:
        self._router = router
        self._collections = collections
        self._credentials = credentials
        self._platform = twins.platform
        self._casing = settings.teos_error_casing
        self._rates = PerMinute(settings.teos_rate)
        telling = Telling(router, events)
        assets = Assets(store, settings.teos_ledger, settings.search_size)
        self._wallets = Wallets(store)
        self._transactions = Transactions(
            store,
            twins.tasks,
            chain,
            telling,
            binds_chain=settings.teos_require_chain_id,
            numbers_states=settings.teos_state_format == "number",
        )
        placing = Placing(assets, self._wallets, self._transactions, settings.teos_ledger)
        sparks = Sparks(store, assets, self._wallets, self._transactions, settings.teos_ledger)
        self._answering = Answering(settings.teos_page, settings.search_size)
        self._asset_routes = AssetRoutes(store, assets, placing, sparks, self._answering)
        self._balances = Balances(store, self._wallets, chain)
        twins.tasks.register(Committing(router, store, chain, telling, twins.platform).kind)
        self._handlers = self._handlers_by_place()

    def _handlers_by_place(self) -> dict[Place, Handler]:
        handlers: dict[Place, Handler] = {
            **self._asset_routes.by_place(),
            ("GET", "ping", False, ""): self._ping,
            ("GET", "balances", False, ""): self._list_balances,
            ("GET", "balances", False, "my"): self._own_balances,
            ("GET", "balances", True, ""): self._balance,
            ("GET", "balances", False, "getassetsbalances"): self._asset_balances,
            ("GET", "balances", False, "getethbalances"): self._ether_balances,
            ("GET", "transactions", False, ""): self._list_transactions,
            ("GET", "transactions", False, "my"): self._own_transactions,
            ("GET", "transactions", True, ""): self._transaction,
            ("GET", "transactions", True, "getsigningparameters"): self._signing_parameters,
            ("POST", "transactions", True, "submit"): self._submit,
            ("POST", "transactions", True, "revoke"): self._revoke,
            ("GET", "wallets", False, ""): self._list_wallets,
            ("GET", "wallets", False, "my"): self._own_wallets,
            ("POST", "wallets", False, ""): self._create_wallet,
            ("GET", "wallets", True, ""): self._wallet,
            ("DELETE", "wallets", True, ""): self._remove_wallet,
        }
        for table in TABLES:
            handlers["GET", table, False, ""] = self._table
            handlers["GET", table, True, ""] = self._table_entry
        return handlers

    async def answer(self, request: ForeignRequest) -> ForeignAnswer:
        """See `ForeignInterface.answer`."""
        try:
            if request.mount.decode() not in SERVICES:
                request.asks_for(request.mount.decode())
                return _outside(request.mount.decode())
            route = parse_route(request.rest, SETS)
            if route is None or (route.set == "$metadata" and route.operation):
                raise TeosError(404, "12001", "The path leads nowhere.")
            request.asks_for(self._operation(request.message.verb, route))
            if request.message.verb == "GET" and route.set in ("", "$metadata"):
                return self._document(request, route)
            visit = await self._visit(request, route)
            allowance = self._rates.count(visit.actor.caller.credential)
            try:
                answer = await self._handle(visit)
            except TeosError as error:
                answer = self._refusal(request, error)
            return replace(answer, headers={**allowance, **answer.headers}) if allowance else answer
        except TeosError as error:
            return self._refusal(request, error)

    def refuse(self, request: ForeignRequest, error: ApiError) -> ForeignAnswer:
        """See `ForeignInterface.refuse`."""
        return self._refusal(request, translated(error))

    def _refusal(self, request: ForeignRequest, error: TeosError) -> ForeignAnswer:
        route = parse_route(request.rest, SETS)
        target = "" if route is None else route.target
        answer = json_answer(error.body(target, self._casing), error.status, headers=error.headers)
        return replace(answer, error=error.code)

    def _operation(self, verb: str, route: Route) -> str:
        """What is asked for as figures have it, such as `POST assets(key)/linkassets`; empty for what there is not."""
        if verb == "GET" and route.set in ("", "$metadata"):
            return f"GET /{route.set}"
        place = (verb, route.set, route.key is not None, route.operation)
        if place not in self._handlers:
            return ""
        key = "(key)" if route.key is not None else ""
        return f"{verb} {route.set}{key}" + (f"/{route.operation}" if route.operation else "")

    async def _visit(self, request: ForeignRequest, route: Route) -> Visit:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.message.headers}
        caller, is_user = await self._caller(headers.get("authorization", ""))
        await request.comes_from(caller.kuid, caller.engine)
        await self._collections.ready(RECORDS, LEDGER)
        actor = Actor(self._router, caller, self._platform, request.connection)
        message = request.message
        base = base_url(request, headers)
        return Visit(message.verb, route, actor, is_user, base, request.query, message.body, headers)

    async def _caller(self, authorization: str) -> tuple[ForeignCaller, bool]:
        """Who calls, and whether by a user's token."""
        if authorization[: len(BEARER)].lower() == BEARER:
            token = authorization[len(BEARER) :].strip()
            for proof in (Proof.TOKEN, Proof.API_KEY):
                caller = await self._credentials.find(Interface.TEOS, proof, token)
                if caller is not None:
                    return caller, proof is Proof.TOKEN
            raise unauthorised("The bearer token is not known here, or no longer.")
        raise unauthorised()

    async def _handle(self, visit: Visit) -> ForeignAnswer:
        route = visit.route
        verb = visit.verb
        handler = self._handlers.get((verb, route.set, route.key is not None, route.operation))
        if handler is not None:
            return await handler(visit)
        if route.set in NOT_PLANNED or (route.set == "assets" and route.operation in UNSUPPORTED):
            raise TeosError(501, "50000", "This server does not have this part of TEOS.")
        if any(place[1:] == (route.set, route.key is not None, route.operation) for place in self._handlers):
            raise TeosError(405, "12001", f"The verb {verb} is not for this path.")
        raise TeosError(404, "12001", "The path leads nowhere.")

    def _document(self, request: ForeignRequest, route: Route) -> ForeignAnswer:
        if not route.set:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.message.headers}
            return json_answer(service_document(f"{base_url(request, headers)}/$metadata"))
        options = dict(pair.partition("=")[::2] for pair in request.query.decode("latin-1").split("&"))
        if options.get("$format", options.get("%24format", "")).lower().endswith("json"):
            return json_answer(metadata_json())
        kind = {"content-type": "application/xml; charset=utf-8"}
        return ForeignAnswer(200, metadata_xml().encode(), {**VERSION, **kind})

    async def _ping(self, visit: Visit) -> ForeignAnswer:
        return ForeignAnswer(200, b"", VERSION)

    async def _list_transactions(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, TRANSACTION_TYPE)
        return await self._answering.select(visit, self._transactions.listed(visit.engine), options)

    async def _own_transactions(self, visit: Visit) -> ForeignAnswer:
        visit.need_user()
        options = read_options(visit.query, TRANSACTION_TYPE)
        return await self._answering.select(visit, self._transactions.listed(visit.engine, visit.kuid), options)

    async def _transaction(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, TRANSACTION_TYPE)
        entity = await self._transactions.get(visit.engine, str(visit.route.key))
        return visit.answer(options.shown(entity), "Transactions/$entity")

    async def _signing_parameters(self, visit: Visit) -> ForeignAnswer:
        parameters = await self._transactions.parameters(visit.engine, str(visit.route.key))
        return visit.answer(dict(parameters), "Teos.Api.Model.SigningParameters")

    async def _submit(self, visit: Visit) -> ForeignAnswer:
        return accepted(visit, await self._transactions.submit(visit, str(visit.route.key)))

    async def _revoke(self, visit: Visit) -> ForeignAnswer:
        await self._transactions.revoke(visit, str(visit.route.key))
        return no_content()

    async def _list_wallets(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, WALLET_TYPE)
        return await self._answering.select(visit, self._wallets.listed(visit.engine), options)

    async def _own_wallets(self, visit: Visit) -> ForeignAnswer:
        visit.need_user()
        options = read_options(visit.query, WALLET_TYPE)
        return await self._answering.select(visit, self._wallets.listed(visit.engine, visit.kuid), options)

    async def _create_wallet(self, visit: Visit) -> ForeignAnswer:
        return visit.answer(await self._wallets.create(visit), "Wallets/$entity", 201)

    async def _wallet(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, WALLET_TYPE)
        wallet = await self._wallets.get(visit, str(visit.route.key))
        return visit.answer(options.shown(wallet), "Wallets/$entity")

    async def _remove_wallet(self, visit: Visit) -> ForeignAnswer:
        await self._wallets.remove(visit, str(visit.route.key))
        return no_content()

    async def _list_balances(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, BALANCE_TYPE)
        return await self._answering.select(visit, await self._balances.listed(visit), options)

    async def _own_balances(self, visit: Visit) -> ForeignAnswer:
        visit.need_user()
        options = read_options(visit.query, BALANCE_TYPE)
        return await self._answering.select(visit, await self._balances.listed(visit, own=True), options)

    async def _asset_balances(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, BALANCE_TYPE)
        return await self._answering.select(visit, await self._balances.of_assets(visit), options)

    async def _ether_balances(self, visit: Visit) -> ForeignAnswer:
        return visit.answer({"value": await self._balances.of_ether(visit)}, "Collection(Teos.Api.Model.EthBalance)")

    async def _balance(self, visit: Visit) -> ForeignAnswer:
        return visit.answer(await self._balances.get(visit), "Balances/$entity")

    async def _table(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, ATTRIBUTE)
        found = options.ordered(options.matching(rows(visit.route.set)), ATTRIBUTE)
        return self._answering.listing(visit, list(page_of(found, options, self._answering.page)), len(found), options)

    async def _table_entry(self, visit: Visit) -> ForeignAnswer:
        code = visit.route.names.get("code", visit.route.key)
        language = visit.route.names.get("languagecode", "en")
        for row in rows(visit.route.set):
            if (row["Code"], row["LanguageCode"]) == (code, language):
                return visit.answer(dict(row), f"{NAMES[visit.route.set]}/$entity")
        raise not_found(f"There is no entry {visit.route.key}.")


def _outside(mount: str) -> ForeignAnswer:
    """What is not below the service: version and health, for whoever asks."""
    if mount == EVENTS:
        error = TeosError(501, "50000", "This server sends no events over AMQP; subscribe to its own notifications.")
        return json_answer(error.body(mount, "camel"), error.status)
    if mount == "/version":
        return json_answer({"version": version("device-manager")})
    return json_answer({"status": "Healthy"})
