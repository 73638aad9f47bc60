"""What a JSON Schema refuses, in the form that clients know: the table of device-manager 2.5. Pure.

Clients compare these objects, messages included, so they are built here rather than taken from the validating library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Source = dict[str, Any]
Found = Any
"""A `jsonschema_rs.ValidationError`; which members its `kind` has depends on the keyword."""
Path = Sequence[str | int]

_LOOKED_AT = (
    "$ref type enum const not anyOf oneOf allOf if then else "
    "maximum minimum exclusiveMaximum exclusiveMinimum multipleOf maxLength minLength pattern format "
    "maxItems minItems additionalItems items contains uniqueItems "
    "maxProperties minProperties required propertyNames additionalProperties dependencies properties patternProperties"
)

RANKS = {keyword: rank for rank, keyword in enumerate(_LOOKED_AT.split())}
"""Which keyword of a schema is looked at first."""

COMPARISONS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
BOUNDS = {
    "minLength": ("fewer", "characters"),
    "maxLength": ("more", "characters"),
    "minItems": ("fewer", "items"),
    "maxItems": ("more", "items"),
    "additionalItems": ("more", "items"),
    "minProperties": ("fewer", "properties"),
    "maxProperties": ("more", "properties"),
}
OPEN_BRANCHES = frozenset({"then", "else"})


def first_refusal(schema: Source, found: Sequence[Found]) -> list[Source]:
    """The first of the errors, in the order in which keywords are looked at, with the errors that explain it.

    Args:
        schema: the schema.
        found: everything in which an instance does not fit it; empty when it does.

    Returns:
        `{instancePath, schemaPath, keyword, params, message}` each. Only `anyOf`, `oneOf`, `propertyNames` and `if`
        have several, the last of which is their own.
    """
    real = [error for error in found if not _is_spurious(error)]
    if not real:
        return []
    error = min(real, key=lambda one: _order(schema, one.evaluation_path))
    return _explained(schema, error)


def pointer(path: Path) -> str:
    """A path as a JSON pointer; empty for the root."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def schema_refusal(path: Path, keyword: str, message: str, **params: Any) -> Source:
    """An error that is about the schema itself; `path` leads to the keyword."""
    return {
        "instancePath": pointer(path[:-1]),
        "schemaPath": "#" + pointer(path),
        "keyword": keyword,
        "params": params,
        "message": message,
    }


def _is_spurious(error: Found) -> bool:
    """Whether a property is said to be missing that is there: so it is when the property is not allowed either."""
    kind, instance = error.kind, error.instance
    return kind.name == "required" and isinstance(instance, dict) and kind.property in instance


def _order(schema: Any, path: Path) -> list[int]:
    """A sort key: at each level the rank of the keyword, then where in it the error is."""
    order: list[int] = []
    node, is_schema = schema, True
    for part in path:
        if isinstance(part, int):
            order.append(part)
            is_schema = True
        elif is_schema:
            order.append(RANKS.get(part, len(RANKS)))
            is_schema = part not in ("properties", "patternProperties", "dependencies")
        else:
            names = list(node) if isinstance(node, dict) else []
            order.append(names.index(part) if part in names else len(names))
            is_schema = True
        node = _member(node, part)
    return order


def _member(node: Any, part: str | int) -> Any:
    if isinstance(node, dict) and isinstance(part, str):
        return node.get(part)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None


def _at(node: Any, path: Path) -> Any:
    for part in path:
        node = _member(node, part)
    return node


def _explained(schema: Source, error: Found) -> list[Source]:
    """An error after the errors inside of it that led to it."""
    keyword = error.kind.name
    own = _translated(schema, error)
    if keyword == "propertyNames":
        name = error.kind.error.instance
        inner = [one | {"propertyName": name} for one in _explained(schema, error.kind.error)]
        return [*inner, own]
    if keyword in ("anyOf", "oneOf"):
        inner = [one for branch in _tried(error) if branch for one in first_refusal(schema, branch)]
        return [*inner, own]
    chosen = next((place for place, part in enumerate(error.evaluation_path) if part in OPEN_BRANCHES), None)
    if chosen is None or not _is_branch(schema, error.evaluation_path[:chosen]):
        return [own]
    branch = error.evaluation_path[chosen]
    above = {
        "instancePath": own["instancePath"],
        "schemaPath": "#" + pointer([*error.evaluation_path[:chosen], "if"]),
        "keyword": "if",
        "params": {"failingKeyword": branch},
        "message": f'must match "{branch}" schema',
    }
    return [own, above]


def _is_branch(schema: Source, path: Path) -> bool:
    node = _at(schema, path)
    return isinstance(node, dict) and "if" in node


def _tried(error: Found) -> list[list[Found]]:
    """The errors of the branches that were looked at: with `oneOf`, none after the second one that fits."""
    branches: list[list[Found]] = error.kind.context
    fitting = [place for place, branch in enumerate(branches) if not branch]
    return branches[: fitting[1]] if len(fitting) > 1 else branches


def _translated(schema: Source, error: Found) -> Source:
    keyword, path = error.kind.name, list(error.schema_path)
    if keyword == "falseSchema":
        keyword, path = "false schema", [*path, "false schema"]
    elif path and path[-1] == "dependencies":
        keyword = "dependencies"
    elif keyword == "propertyNames":
        path = path[: path.index("propertyNames") + 1]
    params, message = _words(keyword, _at(schema, path), error)
    return {
        "instancePath": pointer(error.instance_path),
        "schemaPath": "#" + pointer(path),
        "keyword": keyword,
        "params": params,
        "message": message,
    }


def _words(keyword: str, value: Any, error: Found) -> tuple[Source, str]:
    """Params and message; `value` is what the schema says under `keyword`."""
    if keyword in COMPARISONS:
        comparison = COMPARISONS[keyword]
        limit = error.kind.limit
        return {"comparison": comparison, "limit": limit}, f"must be {comparison} {_shown(limit)}"
    if keyword in BOUNDS:
        amount, things = BOUNDS[keyword]
        limit = error.kind.limit
        return {"limit": limit}, f"must NOT have {amount} than {limit} {things}"
    translate = WORDS.get(keyword)
    return translate(value, error) if translate else ({}, error.message)


def _shown(number: Any) -> str:
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def _type(value: Any, error: Found) -> tuple[Source, str]:
    types = value if isinstance(value, str | list) else error.kind.types
    names = [types] if isinstance(types, str) else types
    return {"type": types}, f"must be {','.join(names)}"


def _required(value: Any, error: Found) -> tuple[Source, str]:
    name = error.kind.property
    return {"missingProperty": name}, f"must have required property '{name}'"


def _additional(value: Any, error: Found) -> tuple[Source, str]:
    return {"additionalProperty": error.kind.unexpected[0]}, "must NOT have additional properties"


def _multiple(value: Any, error: Found) -> tuple[Source, str]:
    factor = value if value is not None else error.kind.multiple_of
    return {"multipleOf": factor}, f"must be multiple of {_shown(factor)}"


def _unique(value: Any, error: Found) -> tuple[Source, str]:
    later, earlier = _first_pair(error.instance)
    return (
        {"i": later, "j": earlier},
        f"must NOT have duplicate items (items ## {earlier} and {later} are identical)",
    )


def _first_pair(items: Sequence[Any]) -> tuple[int, int]:
    """The places of two equal items, the later one first, found from the end."""
    keys = [_comparable(item) for item in items]
    for later in range(len(items) - 1, 0, -1):
        for earlier in range(later - 1, -1, -1):
            if keys[later] == keys[earlier]:
                return later, earlier
    return 0, 0


def _comparable(value: Any) -> Any:
    """A value that equals another one exactly if both are the same JSON: true is not 1, but 1.0 is."""
    if isinstance(value, dict):
        return "object", {name: _comparable(member) for name, member in value.items()}
    if isinstance(value, list):
        return "array", [_comparable(member) for member in value]
    return "boolean" if isinstance(value, bool) else "scalar", value


def _dependencies(value: Any, error: Found) -> tuple[Source, str]:
    missing = error.kind.property
    for name, needed in (value or {}).items():
        if name in error.instance and isinstance(needed, list) and missing in needed:
            needs = ", ".join(needed)
            params = {"property": name, "missingProperty": missing, "depsCount": len(needed), "deps": needs}
            things = "property" if len(needed) == 1 else "properties"
            return params, f"must have {things} {needs} when property {name} is present"
    return {"missingProperty": missing}, f"must have required property '{missing}'"


def _one_of(value: Any, error: Found) -> tuple[Source, str]:
    fitting = [place for place, branch in enumerate(error.kind.context) if not branch]
    return {"passingSchemas": fitting[:2] or None}, "must match exactly one schema in oneOf"


WORDS: dict[str, Callable[[Any, Found], tuple[Source, str]]] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _additional,
    "multipleOf": _multiple,
    "uniqueItems": _unique,
    "dependencies": _dependencies,
    "oneOf": _one_of,
    "contains": lambda value, error: ({"minContains": 1}, "must contain at least 1 valid item(s)"),
    "pattern": lambda value, error: ({"pattern": value}, f'must match pattern "{value}"'),
    "format": lambda value, error: ({"format": value}, f'must match format "{value}"'),
    "enum": lambda value, error: ({"allowedValues": value}, "must be equal to one of the allowed values"),
    "const": lambda value, error: ({"allowedValue": value}, "must be equal to constant"),
    "anyOf": lambda value, error: ({}, "must match a schema in anyOf"),
    "not": lambda value, error: ({}, "must NOT be valid"),
    "propertyNames": lambda value, error: ({"propertyName": error.kind.error.instance}, "property name must be valid"),
    "false schema": lambda value, error: ({}, "boolean schema is false"),
}
