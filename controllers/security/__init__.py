"""The controller `security`: users, credentials, API keys, profiles and roles (router-protocol 5.10)."""

from __future__ import annotations

from device_manager.controllers.security.api_keys import ApiKeysActions
from device_manager.controllers.security.credentials import CredentialsActions
from device_manager.controllers.security.first_admin import FirstAdminActions
from device_manager.controllers.security.mappings import MappingsActions
from device_manager.controllers.security.profiles import ProfilesActions
from device_manager.controllers.security.rights import RightsActions
from device_manager.controllers.security.roles import RolesActions
from device_manager.controllers.security.user_lists import UserListsActions
from device_manager.controllers.security.users import UsersActions
from device_manager.security.scope import Scope


class SecurityController(
    FirstAdminActions,
    UsersActions,
    UserListsActions,
    CredentialsActions,
    ApiKeysActions,
    ProfilesActions,
    RolesActions,
    RightsActions,
    MappingsActions,
):
    """`security`: administration of who there is and who may do what."""

    name = "security"
    scope = Scope.ALL
