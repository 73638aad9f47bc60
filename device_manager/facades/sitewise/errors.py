"""What clients are told when something is refused: the errors of the service's model and of AWS (facades 2.10)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError

Members = dict[str, Any]


class SiteWiseError(Exception):
    """A refusal in the words of the service.

    Attributes:
        name: of the error, which clients make an exception of.
        status: of HTTP.
        message: text for people.
        members: what the body says beside the message.
    """

    def __init__(self, name: str, status: int, message: str, members: Members | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.status = status
        self.message = message
        self.members = members or {}


def invalid(message: str) -> SiteWiseError:
    """The request breaks a constraint."""
    return SiteWiseError("InvalidRequestException", 400, message)


def malformed(message: str) -> SiteWiseError:
    """The body is not of the form that any request has."""
    return SiteWiseError("SerializationException", 400, message)


def not_found(kind: str, id: str) -> SiteWiseError:
    """What the path, or a member, names does not exist."""
    return SiteWiseError("ResourceNotFoundException", 404, f"There is no {kind} {id}.")


def already_exists(message: str, id: str, arn: str) -> SiteWiseError:
    """An id or a name is taken, by the resource `id`."""
    return SiteWiseError("ResourceAlreadyExistsException", 409, message, {"resourceId": id, "resourceArn": arn})


def conflicting(message: str, id: str, arn: str) -> SiteWiseError:
    """The state of the resource `id` does not allow it."""
    return SiteWiseError("ConflictingOperationException", 409, message, {"resourceId": id, "resourceArn": arn})


def precondition_failed(message: str, id: str, arn: str) -> SiteWiseError:
    """The resource `id` is not as a header of the request wants it to be."""
    return SiteWiseError("PreconditionFailedException", 412, message, {"resourceId": id, "resourceArn": arn})


def unauthorized(message: str) -> SiteWiseError:
    """What is named belongs to somebody else."""
    return SiteWiseError("UnauthorizedException", 401, message)


def beyond_limit(message: str) -> SiteWiseError:
    """A quota is used up."""
    return SiteWiseError("LimitExceededException", 410, message)


def throttled(message: str) -> SiteWiseError:
    """Too much at once; clients come back by themselves."""
    return SiteWiseError("ThrottlingException", 429, message)


def too_many_tags(message: str, resource: str) -> SiteWiseError:
    """A resource would have more tags than it may."""
    return SiteWiseError("TooManyTagsException", 400, message, {"resourceName": resource})


def unknown_operation(verb: str, path: str) -> SiteWiseError:
    """Nothing is served there."""
    return SiteWiseError("UnknownOperationException", 404, f"No operation is served at {verb} {path}.")


def from_api_error(error: ApiError, *, is_data: bool) -> SiteWiseError:
    """What a refusal by an action, a pipe, the rights or the server itself is to these clients.

    Args:
        error: the refusal.
        is_data: the operation writes or reads values, so that its clients know an error for a store that is away.
    """
    message, status = error.message, error.status
    if error.id == "services.storage.too_many_changes" or status == 429:
        return throttled(message)
    if status in (401, 403):
        return SiteWiseError("AccessDeniedException", 403, message)
    if status == 404:
        return SiteWiseError("ResourceNotFoundException", 404, message)
    if status < 500:
        return invalid(message)
    if is_data and error.is_unavailable:
        return SiteWiseError("ServiceUnavailableException", 503, message)
    return SiteWiseError("InternalFailureException", 500, message)
