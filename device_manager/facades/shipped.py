"""The foreign interfaces that ship with the product, as far as they are switched on."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from device_manager.events import EventBus
from device_manager.facades.identities import remove_ids
from device_manager.facades.sitewise.interface import SiteWise
from device_manager.facades.sitewise.service import open_service
from device_manager.facades.teos.bounds import check_settings
from device_manager.facades.teos.chain.opening import open_chain
from device_manager.facades.teos.examining import ledger_findings
from device_manager.facades.teos.interface import Teos
from device_manager.facades.teos.records import forget_engine
from device_manager.facades.ubidots.interface import Ubidots
from device_manager.router.foreign import ForeignInterface
from device_manager.router.router import Router
from device_manager.security.foreign_credentials import ForeignCredentials
from device_manager.security.places import Collections
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.twins.domain import Twins


def shipped_interfaces(
    router: Router,
    store: Store,
    events: EventBus,
    credentials: ForeignCredentials,
    collections: Collections,
    twins: Twins,
    settings: Settings,
) -> list[ForeignInterface]:
    """The interfaces that a server has without plugins.

    Args:
        router: runs actions.
        store: where everything is.
        events: tell plugins what happens.
        credentials: knows what their clients show.
        collections: makes the collections of private records.
        twins: the domain, which is not started yet.
        settings: say which ones are switched on.
    """
    twins.engine_deletion.add(functools.partial(remove_ids, store))
    interfaces: list[ForeignInterface] = []
    if settings.ubidots:
        interfaces.append(Ubidots(router, store, credentials, twins, settings))
    if settings.sitewise:
        interfaces.append(
            SiteWise(open_service(router, store, credentials, collections, twins, settings), ["/sitewise"])
        )
    if settings.teos:
        check_settings(settings)
        twins.engine_deletion.add(functools.partial(forget_engine, store))
        twins.examiners.append(functools.partial(ledger_findings, store))
        chain = open_chain(store, settings)
        interfaces.append(Teos(router, store, events, credentials, collections, twins, chain, settings))
    return interfaces


def at_own_port(interfaces: Sequence[ForeignInterface]) -> list[ForeignInterface]:
    """What is served at the root of `sitewise_port`, with the same state as below its path on the main port."""
    return [interface.at_root() for interface in interfaces if isinstance(interface, SiteWise)]
