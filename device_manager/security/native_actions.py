"""Actions of the Kuzzle protocol that roles may name whether or not this server has them (router-protocol 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from device_manager.errors import ApiError, api_error

Actions = Mapping[str, Collection[str]]
"""Action names by controller."""

ANY = "*"

NATIVE: dict[str, frozenset[str]] = {
    name: frozenset(actions.split())
    for name, actions in {
        "admin": "dump loadFixtures loadMappings loadSecurities refreshIndexCache resetCache resetDatabase "
        "resetSecurity shutdown",
        "auth": "checkRights checkToken createApiKey createMyCredentials createToken credentialsExist deleteApiKey "
        "deleteMyCredentials getCurrentUser getMyCredentials getMyRights getStrategies login logout refreshToken "
        "searchApiKeys updateMyCredentials updateSelf validateMyCredentials",
        "bulk": "deleteByQuery import mWrite updateByQuery write",
        "cluster": "status",
        "collection": "create delete deleteSpecifications exists getMapping getSettings getSpecifications list refresh "
        "scrollSpecifications searchSpecifications truncate update updateMapping updateSpecifications "
        "validateSpecifications",
        "debug": "addListener disable enable nodeVersion post removeListener",
        "document": "count create createOrReplace delete deleteByQuery deleteFields exists export get mCreate "
        "mCreateOrReplace mDelete mExists mGet mReplace mUpdate mUpsert replace scroll search update updateByQuery "
        "upsert validate",
        "index": "create delete exists list mDelete stats",
        "realtime": "count join list publish subscribe unsubscribe validate",
        "security": "checkRights createApiKey createCredentials createFirstAdmin createOrReplaceProfile "
        "createOrReplaceRole createProfile createRestrictedUser createRole createUser deleteApiKey deleteCredentials "
        "deleteProfile deleteRole deleteUser getAllCredentialFields getCredentialFields getCredentials "
        "getCredentialsById getProfile getProfileMapping getProfileRights getRole getRoleMapping getUser "
        "getUserMapping getUserRights getUserStrategies hasCredentials mDeleteProfiles mDeleteRoles mDeleteUsers "
        "mGetProfiles mGetRoles mGetUsers refresh replaceUser restrictDefaultRights revokeTokens scrollProfiles "
        "scrollUsers searchApiKeys searchProfiles searchRoles searchUsers searchUsersByCredentials updateCredentials "
        "updateProfile updateProfileMapping updateRole updateRoleMapping updateUser updateUserMapping upsertUser "
        "validateCredentials",
        "server": "adminExists capabilities getAllStats getConfig getLastStats getStats healthCheck info metrics now "
        "openapi publicApi",
    }.items()
}
UNCOUNTED = frozenset({"memoryStorage", "ms"})
"""Native controllers whose actions are those of another product: any name passes."""


def check_names(role_id: str, controllers: Mapping[str, Mapping[str, object]], known: Actions, *, force: bool) -> None:
    """Refuse controllers and actions that do not exist, so that a slip of the pen is no missing or spare right.

    Args:
        role_id: for the message.
        controllers: actions by controller, as a role has them; `*` stands for all.
        known: what this server has.
        force: let controllers pass that may come with a plugin later, and actions of those that plugins brought.

    Raises:
        ApiError: `security.role.unknown_controller` or `unknown_action`.
    """
    for controller, actions in controllers.items():
        if controller == ANY or controller in UNCOUNTED:
            continue
        native = NATIVE.get(controller, frozenset())
        if not native and controller not in known:
            if not force:
                raise _unknown_controller(role_id, controller, known)
            continue
        for action in actions:
            is_known = action == ANY or action in native or action in known.get(controller, ())
            if not is_known and (native or not force):
                hint = f"It has: {', '.join(sorted({*native, *known.get(controller, ())}))}."
                raise api_error("security.role.unknown_action", role_id, action, controller, hint)


def _unknown_controller(role_id: str, controller: str, known: Actions) -> ApiError:
    hint = f"There are: {', '.join(sorted({*NATIVE, *known}))}. Say force to allow what a plugin will bring later."
    return api_error("security.role.unknown_controller", role_id, controller, hint)
