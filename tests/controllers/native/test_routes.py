"""The HTTP routes of native actions, in the order by which SDKs choose (router-protocol 5.3 to 5.8)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.native import native_controllers
from device_manager.events import EventBus
from device_manager.router.router import Router

ROUTES = """
bulk:deleteByQuery       DELETE /:index/:collection/_bulk/_query
bulk:import              POST /:index/:collection/_bulk
bulk:mWrite              POST /:index/:collection/_mWrite
bulk:updateByQuery       PATCH /:index/:collection/_bulk/_query
bulk:write               POST /:index/:collection/_write
index:create             POST /:index/_create
index:delete             DELETE /:index
index:exists             GET /:index/_exists
index:list               GET /_list
index:mDelete            DELETE /_mDelete
index:mDelete            DELETE /_mdelete
index:stats              GET /_storageStats
collection:create        PUT /:index/:collection
collection:delete        DELETE /:index/:collection
collection:deleteSpecifications DELETE /:index/:collection/_specifications
collection:exists        GET /:index/:collection/_exists
collection:getMapping    GET /:index/:collection/_mapping
collection:getSettings   GET /:index/:collection/_settings
collection:getSpecifications GET /:index/:collection/_specifications
collection:list          GET /:index/_list
collection:refresh       POST /:index/:collection/_refresh
collection:scrollSpecifications GET /validations/_scroll/:scrollId
collection:searchSpecifications POST /validations/_search
collection:truncate      DELETE /:index/:collection/_truncate
collection:update        POST /:index/:collection
collection:updateMapping PUT /:index/:collection/_mapping
collection:updateSpecifications PUT /:index/:collection/_specifications
collection:validateSpecifications POST /:index/:collection/_validateSpecifications
document:count           POST /:index/:collection/_count
document:create          POST /:index/:collection/_create
document:create          POST /:index/:collection/:_id/_create
document:createOrReplace PUT /:index/:collection/:_id
document:delete          DELETE /:index/:collection/:_id
document:deleteByQuery   DELETE /:index/:collection/_query
document:deleteFields    DELETE /:index/:collection/:_id/_fields
document:exists          GET /:index/:collection/:_id/_exists
document:export          GET /:index/:collection/_export
document:export          POST /:index/:collection/_export
document:get             GET /:index/:collection/:_id
document:mCreate         POST /:index/:collection/_mCreate
document:mCreateOrReplace PUT /:index/:collection/_mCreateOrReplace
document:mDelete         DELETE /:index/:collection/_mDelete
document:mExists         POST /:index/:collection/_mExists
document:mGet            GET /:index/:collection/_mGet
document:mGet            POST /:index/:collection/_mGet
document:mReplace        PUT /:index/:collection/_mReplace
document:mUpdate         PUT /:index/:collection/_mUpdate
document:mUpdate         PATCH /:index/:collection/_mUpdate
document:mUpsert         POST /:index/:collection/_mUpsert
document:replace         PUT /:index/:collection/:_id/_replace
document:scroll          GET /_scroll/:scrollId
document:search          GET /:index/:collection/_search
document:search          POST /:index/:collection/_search
document:update          PUT /:index/:collection/:_id/_update
document:update          PATCH /:index/:collection/:_id/_update
document:updateByQuery   PUT /:index/:collection/_query
document:upsert          POST /:index/:collection/:_id/_upsert
document:upsert          PUT /:index/:collection/:_id/_upsert
document:validate        POST /:index/:collection/_validate
"""


class NoDocuments:
    """Stands for what controllers work on: routes do not need it."""

    def __getattr__(self, name: str) -> Any:
        return None


def test_every_route_is_listed_in_order_and_leads_to_its_action() -> None:
    router = Router(EventBus())
    nothing: Any = NoDocuments()
    for controller in native_controllers(nothing):
        router.register(controller)
    expected: dict[str, list[tuple[str, str]]] = {}
    for line in ROUTES.strip().splitlines():
        name, verb, path = line.split()
        expected.setdefault(name, []).append((verb, path))
    listed = {
        f"{controller}:{action}": [(route["verb"], route["path"]) for route in routes.get("http", [])]
        for controller, actions in router.registry.public_api().items()
        for action, routes in actions.items()
    }
    assert listed == expected
    for name, routes in expected.items():
        for verb, path in routes:
            match = router.match(verb, path.replace(":", "a-").encode())
            assert match is not None
            assert f"{match.controller}:{match.action}" == name
            assert match.params == {part[1:]: f"a-{part[1:]}" for part in path.split("/") if part.startswith(":")}
