"""Events: their declarations and the runner of pipes and hooks (design 5, router-protocol 3.5)."""

from __future__ import annotations

from device_manager.events.answers import Answers
from device_manager.events.bus import EventBus
from device_manager.events.chain import ListenerStatistics
from device_manager.events.names import UnknownEvent

__all__ = ["Answers", "EventBus", "ListenerStatistics", "UnknownEvent"]
