"""Names of groups, unique in their engine whatever their case (device-manager 2.4).

A name is claimed by a unique key in the transaction that gives it to a group, so of two requests at once only one can
have it. A claim whose group is gone, or bears another name, counts for nothing: native writes by force leave such.
"""

from __future__ import annotations

import unicodedata

from device_manager.errors import api_error
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Store, Transaction
from device_manager.storage.steps import unrecorded
from device_manager.storage.unique import UNIQUE, UniqueKey
from device_manager.twins.places import GROUPS, Places, group_key
from device_manager.twins.workspace import Workspace

PAGE = 500
"""Groups whose names one transaction claims."""


def folded(name: str) -> str:
    """A name as it is compared: what looks the same is the same, in whatever case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def name_key(engine: str, name: str) -> UniqueKey:
    """The unique key of a group's name."""
    return UniqueKey("group-name", folded(name), engine)


def claimed_key(engine: str) -> Key:
    """The document that says that every group of the engine has claimed its name."""
    return UniqueKey("group-names", "", engine).address


def claim_name(work: Workspace, engine: str, group_id: str, name: str) -> None:
    """Give a name to a group, inside the transaction that writes the group.

    Raises:
        ApiError: `device_manager.groups.name_taken`.
    """
    check_name(work, engine, group_id, name)
    key = name_key(engine, name)
    claim = key._asdict() | {"owner": group_id}
    if key.address in work.documents:
        work.replace(key.address, claim)
    else:
        work.create(key.address, claim)


def check_name(work: Workspace, engine: str, group_id: str, name: str) -> None:
    """Refuse a name that another group bears. Raises `device_manager.groups.name_taken`."""
    key = name_key(engine, name)
    work.load((key.address,))
    claim = work.documents.get(key.address)
    if claim is None or claim.source["owner"] == group_id:
        return
    owner = group_key(engine, claim.source["owner"])
    work.load((owner,))
    group = work.documents.get(owner)
    if group is not None and folded(str(group.source.get("name"))) == key.value:
        raise api_error("device_manager.groups.name_taken", name)


def release_name(work: Workspace, engine: str, group_id: str, name: object) -> None:
    """Let go of the name of a group; comes last in what may be taken back."""
    address = name_key(engine, str(name)).address
    work.load((address,))
    taken = work.documents.get(address)
    if taken is not None and taken.source["owner"] == group_id:
        work.delete(address)


async def claim_all(store: Store, places: Places, engine: str) -> None:
    """Claim the names of all groups of an engine, which was made elsewhere; of two of one name the first gets it.

    May be repeated, also by several processes at once.
    """
    await store.refresh(engine, GROUPS)
    with unrecorded():
        async for page in store.scan(engine, GROUPS, page=PAGE):
            await store.transact(lambda tx, page=page: _claim_page(tx, places, engine, page))  # type: ignore[misc]
        await store.transact(lambda tx: _mark_claimed(tx, engine))


def _claim_page(tx: Transaction, places: Places, engine: str, page: list[Document]) -> None:
    work = Workspace(tx, places)
    keys = [group_key(engine, group.id) for group in page]
    work.load(keys)
    groups = [work.documents[key] for key in keys if key in work.documents]
    named = [group for group in groups if isinstance(group.source.get("name"), str)]
    work.load(name_key(engine, group.source["name"]).address for group in named)
    for group in named:
        key = name_key(engine, group.source["name"])
        if key.address not in work.documents:
            work.create(key.address, key._asdict() | {"owner": group.id})


def _mark_claimed(tx: Transaction, engine: str) -> None:
    address = claimed_key(engine)
    if address not in tx.read((address,)):
        tx.create(INTERNAL_INDEX, UNIQUE, {"scope": "group-names", "engine": engine, "owner": ""}, address.id)
