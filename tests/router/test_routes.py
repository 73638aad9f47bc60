"""The tree of HTTP routes (router-protocol 1.7)."""

from __future__ import annotations

import pytest

from device_manager.errors import ApiError
from device_manager.router.routes import RouteTree


@pytest.fixture
def routes() -> RouteTree:
    tree = RouteTree()
    tree.add("GET", "/", "server", "info")
    tree.add("GET", "/_now", "server", "now")
    tree.add("GET", "/users/:_id", "security", "getUser")
    tree.add("GET", "/:index/:collection/:_id", "document", "getDocument")
    tree.add("GET", "/_/dm/:engineId/assets/:_id", "assets", "get")
    tree.add("PUT", "/_/dm/:engineId/devices/:_id/_link", "devices", "linkAssets")
    tree.add("PUT", "/_/dm/devices/_mLink", "devices", "mLinkAssets")
    tree.add("DELETE", "/_/dm/:index/devices/:id/unlink", "devices", "unlinkAssets")
    return tree


@pytest.mark.parametrize(
    ("verb", "path", "action", "params"),
    [
        ("GET", b"/", "info", {}),
        ("GET", b"", "info", {}),
        ("GET", b"/_now", "now", {}),
        ("GET", b"/_now/", "now", {}),
        ("GET", b"//_now//", "now", {}),
        ("GET", b"/%5Fnow", "now", {}),
        ("GET", b"/_/dm/e1/assets/a%2Fb", "get", {"engineId": "e1", "_id": "a/b"}),
        ("GET", b"/_/dm/e1/assets/%C3%BC%20x", "get", {"engineId": "e1", "_id": "ü x"}),
        ("GET", b"/_/dm/e1//assets/a", "get", {"engineId": "e1", "_id": "a"}),
        ("GET", b"/_/dm/e1/assets/..", "get", {"engineId": "e1", "_id": ".."}),
        ("PUT", b"/_/dm/e1/devices/d/_link", "linkAssets", {"engineId": "e1", "_id": "d"}),
        ("PUT", b"/_/dm/devices/_mLink", "mLinkAssets", {}),
        ("DELETE", b"/_/dm/e1/devices/d/unlink", "unlinkAssets", {"index": "e1", "id": "d"}),
        # Where a literal leads nowhere, it is a value: an engine may be called "devices".
        ("PUT", b"/_/dm/devices/devices/d/_link", "linkAssets", {"engineId": "devices", "_id": "d"}),
        ("GET", b"/_/dm/devices/assets/a", "get", {"engineId": "devices", "_id": "a"}),
        ("GET", b"/users/stations/s1", "getDocument", {"index": "users", "collection": "stations", "_id": "s1"}),
        ("GET", b"/users/u1", "getUser", {"_id": "u1"}),
    ],
)
def test_matches(routes: RouteTree, verb: str, path: bytes, action: str, params: dict[str, str]) -> None:
    match = routes.match(verb, path)
    assert match is not None
    assert (match.action, match.params) == (action, params)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", b"/_now"),
        ("BREW", b"/_now"),
        ("GET", b"/_now/more"),
        ("GET", b"/_/dm/e1/assets"),
        ("GET", b"/_NOW"),
        # What begins with an underscore is no value.
        ("GET", b"/_/dm/stations"),
        ("GET", b"/_now/stations/s1"),
    ],
)
def test_matches_nothing(routes: RouteTree, verb: str, path: bytes) -> None:
    assert routes.match(verb, path) is None


@pytest.mark.parametrize("path", [b"/_/dm/e1/assets/a%00b", b"/_/dm/e1/assets/%FF", b"/_/dm/e1/assets/\xff"])
def test_undecodable_paths_are_refused(routes: RouteTree, path: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        routes.match("GET", path)
    assert (caught.value.id, caught.value.status) == ("network.http.unexpected_error", 400)


@pytest.mark.parametrize("path", ["/_now", "/_now/", "//_now", "/_/dm/:other/assets/:name"])
def test_a_route_cannot_be_declared_twice(routes: RouteTree, path: str) -> None:
    with pytest.raises(ApiError) as caught:
        routes.add("GET", path, "other", "action")
    assert caught.value.id == "network.http.duplicate_url"


def test_unknown_verbs_cannot_be_declared(routes: RouteTree) -> None:
    with pytest.raises(ApiError) as caught:
        routes.add("BREW", "/coffee", "kitchen", "brew")
    assert caught.value.id == "plugin.controller.unsupported_verb"
