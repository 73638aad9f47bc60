"""The controller `auth`: who the caller is (router-protocol 5.2)."""

from __future__ import annotations

from device_manager.controllers.auth.api_keys import ApiKeysPart
from device_manager.controllers.auth.credentials import CredentialsPart
from device_manager.controllers.auth.self import SelfPart
from device_manager.controllers.auth.sessions import SessionsPart
from device_manager.security.scope import Scope


class AuthController(SessionsPart, SelfPart, CredentialsPart, ApiKeysPart):
    """`auth`: login, tokens, and what callers may know and change of themselves."""

    name = "auth"
    scope = Scope.NONE
