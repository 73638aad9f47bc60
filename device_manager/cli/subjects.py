"""What the doctor looks at and repairs: the data of a running server, or a store that no server has open."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from device_manager.cli.client import Client
from device_manager.settings import InvalidSettings, load_settings

Finding = dict[str, Any]
"""`{engine, kind, document, text}`."""
Repair = dict[str, Any]
"""`{engine, document, text, error}`."""

ENGINE = "device-manager/engine"


class Subject(Protocol):
    """Data that can be examined. Without engines, all are meant."""

    async def examine(self, engines: Sequence[str]) -> list[Finding]:
        """What is wrong."""

    async def repair(self, engines: Sequence[str], *, dry_run: bool) -> list[Repair]:
        """Repair what can be repaired; a dry run tells what would be done."""


class RunningServer:
    """The data of a server, by its own actions."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def examine(self, engines: Sequence[str]) -> list[Finding]:
        """See `Subject.examine`."""
        checked = [await self._client.call(ENGINE, "check", index=engine) for engine in await self._chosen(engines)]
        return _once([finding for answer in checked for finding in answer["findings"]])

    async def repair(self, engines: Sequence[str], *, dry_run: bool) -> list[Repair]:
        """See `Subject.repair`."""
        repaired = [
            await self._client.call(ENGINE, "repair", index=engine, dryRun=dry_run)
            for engine in await self._chosen(engines)
        ]
        return _once([repair for answer in repaired for repair in answer["repairs"]])

    async def _chosen(self, engines: Sequence[str]) -> Sequence[str]:
        if engines:
            return engines
        return [engine["index"] for engine in (await self._client.call(ENGINE, "list"))["engines"]]


def _once(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each entry once: what belongs to no engine is told with every engine."""
    return list({tuple(entry.values()): entry for entry in entries}.values())


@contextlib.asynccontextmanager
async def stored_data(store: str, settings_file: Path | None) -> AsyncIterator[Subject]:
    """The data of a store that is opened for as long as it is looked at.

    Raises:
        InvalidSettings: there is no such store.
        ApiError: it does not answer.
        StoreError: it cannot be opened, or a server has it open.
    """
    from device_manager.facades.teos.examining import ledger_findings
    from device_manager.storage.opening import open_store  # the stores: not for commands that only send
    from device_manager.twins.doctor import examine
    from device_manager.twins.repair import Repairing

    _refuse_to_make(store)
    settings = load_settings({"store": store}, file=settings_file)
    opened = open_store(settings)
    await opened.start()

    class StoredData:
        async def examine(self, engines: Sequence[str]) -> list[Finding]:
            findings = await examine(opened, engines, settings.platform_index)
            for engine in engines or await Repairing(opened, settings.platform_index).engines():
                findings += await ledger_findings(opened, engine)
            return findings

        async def repair(self, engines: Sequence[str], *, dry_run: bool) -> list[Repair]:
            repairing = Repairing(opened, settings.platform_index)
            repairs = await repairing.settle_transactions(dry_run=dry_run)
            for engine in engines or await repairing.engines():
                repairs += await repairing.repair(engine, dry_run=dry_run)
            return [repair._asdict() for repair in repairs]

    try:
        yield StoredData()
    finally:
        await opened.close()


def _refuse_to_make(store: str) -> None:
    """Opening a folder that is not there would make it."""
    scheme, _, folder = store.partition(":")
    if scheme == "sqlite" and not Path(folder).is_dir():
        raise InvalidSettings(f'Unusable setting "store": there is no folder "{folder}"')


@contextlib.asynccontextmanager
async def running_server(url: str, token: str | None) -> AsyncIterator[Subject]:
    """The data of a server, over a connection that is open for as long as it is looked at.

    Raises:
        InvalidUrl: what is no URL.
        ServerUnreachable: nobody answers.
    """
    async with Client(url, token=token) as client:
        yield RunningServer(client)
