"""Logging in with the official SDK, over WebSocket and HTTP, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from device_manager.cli.process import ServerProcess

StartSdk = Callable[[str, int], Any]


@pytest.fixture
def sdk(server: ServerProcess, start_sdk: StartSdk, kind: str) -> Any:
    return start_sdk(kind, server.port)


@pytest.fixture
def credentials(sdk: Any, kind: str) -> dict[str, str]:
    """Those of a user for each kind of client."""
    username = "sdk-" + kind.lower().replace(" ", "-")
    credentials = {"username": username, "password": "correct horse"}
    if sdk.resolved("security", "mGetUsers", [username]) == []:
        user = {"content": {"profileIds": ["default"], "name": "Jane"}, "credentials": {"local": credentials}}
        assert sdk.resolved("security", "createUser", username, user)["_id"] == username
    return credentials


def test_a_user_logs_in_and_out(sdk: Any, credentials: dict[str, str]) -> None:
    token = sdk.resolved("auth", "login", "local", credentials, "1h")
    assert token.startswith("kauth-")
    assert sdk.jwt() == token
    user = sdk.resolved("auth", "getCurrentUser")
    assert (user["_id"], user["_source"]["name"]) == (credentials["username"], "Jane")
    assert sdk.resolved("auth", "checkToken")["kuid"] == credentials["username"]
    assert sdk.resolved("auth", "getMyCredentials", "local")["username"] == credentials["username"]
    rights = sdk.resolved("auth", "getMyRights")
    assert rights[0] | {"value": "allowed", "controller": "*"} == rights[0]

    fresh = sdk.resolved("auth", "refreshToken")
    assert fresh["_id"] == credentials["username"]
    assert sdk.jwt() == fresh["jwt"] != token

    sdk.resolved("auth", "logout")
    assert sdk.jwt() is None
    assert sdk.resolved("auth", "getCurrentUser")["_id"] == "-1"
    assert sdk.resolved("auth", "checkToken", fresh["jwt"])["valid"] is False


def test_a_wrong_password_is_told(sdk: Any, credentials: dict[str, str]) -> None:
    error = sdk.rejected("auth", "login", "local", {**credentials, "password": "x"})
    assert (error["isKuzzleError"], error["status"]) == (True, 401)
    assert error["id"] == "plugin.strategy.missing_user"
    assert sdk.jwt() is None


def test_an_ended_token_makes_the_sdk_say_so(sdk: Any, credentials: dict[str, str]) -> None:
    token = sdk.resolved("auth", "login", "local", credentials)
    sdk.jwt(None)
    sdk.resolved("security", "query", {"action": "revokeTokens", "_id": credentials["username"]})
    sdk.jwt(token)
    error = sdk.rejected("auth", "getCurrentUser")
    assert (error["status"], error["id"]) == (401, "security.token.invalid")
    sdk.wait_for("tokenExpired")
    assert sdk.jwt() is None


def test_an_api_key_is_a_token(sdk: Any, credentials: dict[str, str]) -> None:
    sdk.resolved("auth", "login", "local", credentials)
    made = sdk.resolved("auth", "createApiKey", "sdk")
    assert [key["_id"] for key in sdk.resolved("auth", "searchApiKeys")["hits"]] == [made["_id"]]
    assert sdk.jwt(made["_source"]["token"]) == made["_source"]["token"]
    assert sdk.resolved("auth", "getCurrentUser")["_id"] == credentials["username"]
    sdk.resolved("auth", "deleteApiKey", made["_id"])
    # over WebSocket the server says by itself that the key has ended, and the SDK may have dropped it already
    answer = sdk.call("auth", "getCurrentUser")
    assert answer.get("error", {}).get("id") == "security.token.invalid" or answer["response"]["_id"] == "-1"
