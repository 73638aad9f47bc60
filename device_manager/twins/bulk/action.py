"""What a bulk action tells the run of it: what to read, whom to ask, and what one record changes (design 5 and 7)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key
from device_manager.twins.asking import Answers as Answers
from device_manager.twins.asking import NotAsked as NotAsked
from device_manager.twins.asking import answer_of as answer_of
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import Stamp
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import Places
from device_manager.twins.workspace import View, Workspace


class Record(Protocol):
    """One line of a bulk call."""

    @property
    def row(self) -> int:
        """Its number from 1."""

    @property
    def refusal(self) -> ApiError | None:
        """Why it cannot be used whatever is stored, None for a good one."""

    def names(self) -> dict[str, Any]:
        """The members by which results name it, such as `deviceId`."""


R = TypeVar("R", bound=Record)


class Applied(NamedTuple):
    """A record that holds now.

    Attributes:
        changed: False when all of it held before, and nothing was written.
        members: of its success, beside its row and its names.
        twins: what the `after` pipes get: keys of documents, to be taken as they are once all records are applied, or
            documents as they are.
    """

    changed: bool
    members: dict[str, Any]
    twins: tuple[Key | Document, ...] = ()


class BulkContext(NamedTuple):
    """What every bulk action works with.

    Attributes:
        catalogue: knows engines and models.
        events: runs the pipes.
        places: where documents live.
    """

    catalogue: Catalogue
    events: TwinEvents
    places: Places


class BulkAction(ABC, Generic[R]):
    """One kind of bulk action, for one call.

    Args:
        context: what it works with.
        engine: the engine that the call names; None leaves it to the records or their devices.
        call: the caller.
    """

    def __init__(self, context: BulkContext, engine: str | None, call: Call) -> None:
        self.catalogue, self.events, self.places = context
        self.engine = engine
        self.call = call

    async def prepare(self, records: Sequence[R]) -> Sequence[R]:
        """The records as they are going to be applied. Raises what refuses the call as a whole."""
        await self.catalogue.ensure()
        if self.engine is not None:
            await self.catalogue.engine(self.engine)
        return records

    @abstractmethod
    def rounds(self, records: Sequence[R], view: View) -> Iterator[list[Key]]:
        """What has to be read for the usable `records`, in as few rounds as possible.

        The caller puts what it read into `view` before it takes the next round.
        """

    def reach(self, records: Sequence[R]) -> frozenset[Key] | None:
        """The documents that `records` can change or rest on; None when that shows only by reading.

        Chunks of a call that have none in common may run at the same time.
        """
        return None

    @property
    @abstractmethod
    def listens_before(self) -> bool:
        """Whether any pipe wants to be asked."""

    @property
    @abstractmethod
    def listens_after(self) -> bool:
        """Whether any pipe wants to be told."""

    @abstractmethod
    async def ask(self, record: R, view: View, answered: Answers) -> Answers:
        """Run the `before` pipes of a record for the questions that are not `answered` yet.

        Returns:
            The new answers.

        Raises:
            ApiError: what refuses the record, what a pipe raised.
        """

    @abstractmethod
    def apply(self, work: Workspace, record: R, answers: Answers | None, stamp: Stamp) -> Applied:
        """Apply a record inside the transaction, its documents are loaded. Pure.

        Args:
            work: the documents.
            record: what to do.
            answers: of its pipes; None when there are none.
            stamp: who, and when.

        Raises:
            ApiError: what refuses the record.
            NotAsked: `answers` lack one.
        """

    @abstractmethod
    async def tell(self, record: R, applied: Applied, twins: Sequence[Document]) -> None:
        """Run the `after` pipes of a record that changed something; `twins` are those of `applied`.

        Raises:
            ApiError: what a pipe raised, with `committed: true`.
        """

    def engine_of(self, device_id: str, view: View, named: str | None = None) -> str:
        """The engine that a record about a device is about: `named`, the call's, or else the device's own.

        Raises:
            ApiError: an unknown or unattached device, an unknown engine; the caller's lack of rights looks the same.
        """
        engine = named or self.engine
        if engine is not None:
            return engine
        own: str | None = view.provisioning(device_id).source.get("engineId")
        if not own:
            raise api_error("device_manager.devices.not_attached", device_id)
        self.check_engine(own)
        return own

    async def look_for(self, engines: set[str]) -> None:
        """Look for changes of other processes when `engines` names one that is not in memory."""
        await self.catalogue.ensure()
        if engines - self.catalogue.engines.keys() - {""}:
            await self.catalogue.look()

    def check_engine(self, engine: str) -> None:
        """Refuse an engine found in a record that is not in use, or that the caller has no right to."""
        config = self.catalogue.engines.get(engine)
        if config is None or config.closing or not self.call.may_use(engine):
            raise api_error("device_manager.engines.unknown", engine)
