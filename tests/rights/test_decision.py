"""The decision about rights as a pure function (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.security.documents import Profile, Role, read_profile, read_role
from device_manager.security.guard import named_places
from device_manager.security.rights import EVERYWHERE, Grant, grant, rights_list
from device_manager.storage.contract import Document


def role(id: str, **controllers: dict[str, Any]) -> Role:
    content = {name.replace("_", "*"): {"actions": actions} for name, actions in controllers.items()}
    return read_role(Document(id, {"controllers": content}, 1))


def profile(*policies: dict[str, Any], **more: Any) -> Profile:
    return read_profile(Document("p", {"policies": list(policies), **more}, 1))


ROLES = {
    role.id: role
    for role in (
        role("all", _={"*": True}),
        role("reader", document={"get": True, "search": True}),
        role("writer", document={"create": True}),
        role("not-documents", _={"*": True}, document={"*": False}),
        role("all-but-delete", document={"*": True, "delete": False}),
        role("truthy", document={"get": 1, "search": "true"}),
    )
}


def decide(*policies: dict[str, Any], controller: str = "document", action: str = "get") -> Grant | None:
    return grant([profile(policy) for policy in policies], ROLES.get, controller, action)


@pytest.mark.parametrize(
    ("role_id", "controller", "action", "allowed"),
    [
        ("all", "document", "get", True),
        ("reader", "document", "get", True),
        ("reader", "document", "create", False),
        ("reader", "index", "get", False),
        ("not-documents", "index", "list", True),
        ("not-documents", "document", "get", False),
        ("all-but-delete", "document", "get", True),
        ("all-but-delete", "document", "delete", False),
        ("truthy", "document", "get", False),
        ("truthy", "document", "search", False),
        ("unknown", "document", "get", False),
    ],
)
def test_exact_names_hide_the_star_and_only_true_allows(
    role_id: str, controller: str, action: str, allowed: bool
) -> None:
    found = decide({"roleId": role_id}, controller=controller, action=action)
    assert found == (EVERYWHERE if allowed else None)


def test_policies_add_up() -> None:
    first = {"roleId": "reader", "restrictedTo": [{"index": "a", "collections": ["x"]}, {"index": "b"}]}
    second = {"roleId": "reader", "restrictedTo": [{"index": "a", "collections": ["y"]}, {"index": "c"}]}
    found = decide(first, second)
    assert found == Grant({"a": frozenset({"x", "y"}), "b": None, "c": None})
    assert decide(first, {"roleId": "reader"}) == EVERYWHERE
    assert decide(first, {"roleId": "writer"}) == Grant({"a": frozenset({"x"}), "b": None})
    whole = {"roleId": "reader", "restrictedTo": [{"index": "a"}]}
    assert decide(first, whole) == decide(whole, first) == Grant({"a": None, "b": None})


def test_listed_collections_cover_only_requests_that_name_one() -> None:
    found = Grant({"a": frozenset({"x"}), "b": None})
    assert found.covers("a", "x") and found.covers("b", None) and found.covers("b", "y")
    assert not found.covers("a", None) and not found.covers("a", "y") and not found.covers("c", "x")
    assert found.engines("x") == frozenset({"a", "b"}) and found.engines(None) == frozenset({"b"})
    assert EVERYWHERE.covers("c", None) and EVERYWHERE.engines("x") is None


@pytest.mark.parametrize("restriction", ["a", {"index": "a"}, [{}], [{"index": 7}], [["a"]]])
def test_a_restriction_that_cannot_be_understood_grants_nothing(restriction: Any) -> None:
    assert decide({"roleId": "all", "restrictedTo": restriction}) is None


@pytest.mark.parametrize("none", [None, []])
def test_no_restriction_is_everywhere(none: Any) -> None:
    assert decide({"roleId": "all", "restrictedTo": none}) == EVERYWHERE


def test_the_list_of_rights_names_every_place() -> None:
    policy = {"roleId": "all-but-delete", "restrictedTo": [{"index": "a", "collections": ["y", "x"]}, {"index": "b"}]}
    listed = rights_list([profile(policy)], ROLES.get)
    assert [(right["action"], right["index"], right["collection"], right["value"]) for right in listed] == [
        ("*", "a", "x", "allowed"),
        ("*", "a", "y", "allowed"),
        ("*", "b", "*", "allowed"),
        ("delete", "a", "x", "denied"),
        ("delete", "a", "y", "denied"),
        ("delete", "b", "*", "denied"),
    ]
    both = rights_list([profile({"roleId": "not-documents"}), profile({"roleId": "all-but-delete"})], ROLES.get)
    assert {"controller": "document", "action": "*", "index": "*", "collection": "*", "value": "allowed"} in both


def test_every_name_of_an_engine_counts() -> None:
    args = {"engineId": "a", "index": "b", "collection": "x", "targets": [{"index": "c", "collections": ["y", "z"]}]}
    assert list(named_places(args, None)) == [("a", "x"), ("b", "x"), ("c", "y"), ("c", "z")]
    assert list(named_places({"engineId": "a", "collection": "x"}, "devices")) == [("a", "devices")]
    assert list(named_places({"targets": [{"index": "c"}]}, None)) == [("c", None)]
    assert list(named_places({"engineId": None}, None)) == []
