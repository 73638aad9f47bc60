"""From the setting `store` to the store that it names."""

from __future__ import annotations

from pathlib import Path

from device_manager.settings import InvalidSettings, Settings
from device_manager.storage.contract import Store


def open_store(settings: Settings) -> Store:
    """The store that `settings.store` names, not started yet.

    Raises:
        InvalidSettings: the scheme is neither `sqlite` nor `elasticsearch`.
    """
    scheme, _, place = settings.store.partition(":")
    if scheme == "sqlite" and place:
        from device_manager.storage.sqlite.store import SqliteStore

        return SqliteStore(Path(place), settings)
    if scheme == "elasticsearch" and place.startswith(("http://", "https://")):
        from device_manager.storage.elasticsearch.store import ElasticsearchStore

        return ElasticsearchStore(place, settings)
    raise InvalidSettings(
        f'Unusable setting "store": "{settings.store}" is neither sqlite:DIR nor elasticsearch:http://HOST:PORT'
    )
