"""Mappings: what a collection's documents may hold, the same on every store (design 6, router-protocol 6.3)."""

from device_manager.storage.mappings.mapping import Mapping, bad_value
from device_manager.storage.mappings.names import check_collection_name, check_id, check_index_name, is_usable_name
from device_manager.storage.mappings.walker import FieldType

__all__ = [
    "FieldType",
    "Mapping",
    "bad_value",
    "check_collection_name",
    "check_id",
    "check_index_name",
    "is_usable_name",
]
