"""The log on standard error: text for people or a JSON object a line, with the request that a line is about."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Literal

import orjson
import structlog

from device_manager.router.current import CURRENT
from device_manager.settings import InvalidSettings

Event = MutableMapping[str, Any]
Processor = Callable[[Any, str, Event], Any]

TEXT = "%(asctime)s %(levelname)-8s %(name)s  %(message)s"


def configure_logging(level: str, format: Literal["text", "json"] = "text") -> None:
    """Send this product's log and that of its libraries to standard error, from `level` upwards.

    Raises:
        InvalidSettings: there is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise InvalidSettings(f'Unusable setting "log_level": "{level}"; debug, info, warning and error exist.')
    as_json = format == "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_foreign_json() if as_json else logging.Formatter(TEXT))
    logging.basicConfig(level=number, handlers=[handler])
    # With one address nothing is put aside, whatever this one says, once for each request while the store is away.
    logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)
    structlog.configure(
        processors=_json() if as_json else _text(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def name_request(logger: Any, method: str, event: Event) -> Event:
    """Add the id of the request that is being worked on; one that the line names itself stays."""
    request = CURRENT.get()
    if request is not None:
        event.setdefault("request", request.id)
    return event


def _text() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        name_request,
        structlog.processors.add_log_level,
        structlog.dev.set_exc_info,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        # Not the default one for errors: it shows the variables of every function, passwords and tokens among them.
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ]


def _json() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        name_request,
        structlog.processors.add_log_level,
        structlog.dev.set_exc_info,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(_dumps),
    ]


def _foreign_json() -> logging.Formatter:
    """Lines of libraries in the same form."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            name_request,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_dumps),
        ],
    )


def _dumps(event: Event, default: Callable[[Any], Any] | None = None, **_: Any) -> str:
    return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()
