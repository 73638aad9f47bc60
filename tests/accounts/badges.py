"""A plugin of the tests: a way to log in with a badge, and a second step for those who want one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.errors import ApiError
from device_manager.plugins import LoginStrategy, hookimpl, pipe


async def verify(credentials: dict[str, Any], request: Any) -> Any:
    """The badge is the id of the user; some are broken."""
    badge = credentials.get("badge")
    if badge == "blocked":
        raise ApiError("This badge is blocked.", status=403)
    return badge


@hookimpl
def strategies() -> Sequence[LoginStrategy]:
    """The strategy `badge`."""
    return [LoginStrategy("badge", verify)]


@pipe("auth:strategyAuthenticated")
async def ask_for_more(login: dict[str, Any]) -> dict[str, Any] | None:
    """What users have stored says what becomes of their logins."""
    wish = login["content"]["_source"].get("wish")
    if wish == "refuse":
        raise ApiError("Not today.", status=403)
    if wish == "a code":
        return {"strategy": login["strategy"], "content": {"codeSentTo": "the telephone"}}
    if isinstance(wish, dict):
        return login | {"content": {"_id": wish["become"]}}
    return None
