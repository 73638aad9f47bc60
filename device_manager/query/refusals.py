"""The errors that queries end in: each names the clause, and where it stands (router-protocol 4, services.storage)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError, api_error


def malformed(where: str, why: str) -> ApiError:
    """A part of a query that has the wrong form; `where` is its path, such as `query.bool.must[0].term`."""
    return api_error("services.storage.unexpected_bad_request", f"[{where}] {why}")


def not_runnable(what: str, where: str, accepted: str) -> ApiError:
    """A part of the query language that exists, but that no store runs yet."""
    return api_error(
        "services.storage.unexpected_bad_request", f"[{where}] {what} is not supported yet. Supported: {accepted}."
    )


def wrong_field(clause: str, field: str, type: str, runner: str) -> ApiError:
    """A clause on a field of a type for which `runner`, a store or the matcher, cannot run it."""
    return api_error(
        "services.storage.unexpected_bad_request",
        f'The {runner} cannot run the clause "{clause}" on the field "{field}" of type "{type}".',
    )


def wrong_value(field: str, type: str, value: Any) -> ApiError:
    """A value that cannot be compared with a field of this type."""
    return api_error(
        "services.storage.unexpected_bad_request",
        f'The value {str(value)[:100]!r} cannot be compared with the field "{field}" of type "{type}".',
    )


def not_run_by(runner: str, what: str) -> ApiError:
    """A part of the query language that other stores run and `runner` does not."""
    return api_error("services.storage.unexpected_bad_request", f"The {runner} cannot run {what}.")
