"""Koncorde, the language of subscriptions: filters, their rooms, and the index that finds them (router-protocol 7)."""

from __future__ import annotations

from device_manager.realtime.koncorde.filters import Filter, normalise, room_id
from device_manager.realtime.koncorde.index import FilterIndex
from device_manager.realtime.koncorde.limits import MAX_CONDITIONS

__all__ = ["MAX_CONDITIONS", "Filter", "FilterIndex", "normalise", "room_id"]
