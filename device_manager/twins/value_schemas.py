"""The JSON Schemas of measure models: strict when they are written, fast when they are used (device-manager 2.5)."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from device_manager.twins.models import Models
from device_manager.twins.value_errors import Path, Source, first_refusal, schema_refusal

DRAFT_7 = frozenset(
    f"{scheme}://json-schema.org/draft-07/schema{end}" for scheme in ("http", "https") for end in ("#", "")
)
_FORMATS = (
    "date-time time date email hostname ipv4 ipv6 uri uri-reference uuid uri-template json-pointer "
    "relative-json-pointer regex"
)
_SUBSCHEMA = "additionalItems contains additionalProperties propertyNames not if then else"
_NO_SUBSCHEMA = (
    "$id $schema $ref $comment title description default readOnly writeOnly examples multipleOf maximum "
    "exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern items maxItems minItems uniqueItems "
    "maxProperties minProperties required dependencies const enum type format contentMediaType contentEncoding"
)
FORMATS = frozenset(_FORMATS.split())
SUBSCHEMA = frozenset(_SUBSCHEMA.split())
SUBSCHEMAS = frozenset(("allOf", "anyOf", "oneOf"))
NAMED_SUBSCHEMAS = frozenset(("properties", "patternProperties", "definitions"))
KEYWORDS = frozenset(_NO_SUBSCHEMA.split()) | SUBSCHEMA | SUBSCHEMAS | NAMED_SUBSCHEMAS
"""Every keyword of draft-07."""
BACKTRACKS = 100_000
"""Steps back that a pattern may take on one value; beyond it the value does not match."""
COMPILED = 1024
"""Schemas whose validators are kept."""


class _Compiled(NamedTuple):
    schema: Source
    validator: jsonschema_rs.Draft7Validator


def check_schema(schema: Source) -> list[Source]:
    """What is wrong with a schema that is about to be written, as `schemaErrors` tells it; empty when it is usable.

    Beyond the rules of draft-07, a keyword or a format that nobody knows is refused: it would be passed over in
    silence. References lead to places inside of the schema only.
    """
    unknown = next(_unknown(schema, ()), None)
    if unknown is not None:
        return [unknown]
    try:
        _compile(orjson.dumps(schema))
    except TypeError:  # orjson's
        return [schema_refusal((), "", "the schema is nested too deep")]
    except jsonschema_rs.ValidationError as error:
        return [_meta_refusal(error)]
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        return [schema_refusal((), "$ref", str(error))]
    return []


def check_values(models: Models, measure_type: str, values: Source) -> list[Source]:
    """In what `values` do not fit the schema of their measure type; empty when they do, or when there is no schema.

    Returns:
        `{instancePath, schemaPath, keyword, params, message}` each, the table of device-manager 2.5: those of the first
        keyword that refuses them.

    Raises:
        ApiError: `device_manager.models.unknown_measure`.
    """
    schema = models.measure(measure_type).content.get("validationSchema")
    if not schema:
        return []
    compiled = _compiled_for(models, measure_type, schema)
    if compiled.validator.is_valid(values):
        return []
    return first_refusal(compiled.schema, list(compiled.validator.iter_errors(values)))


def _compiled_for(models: Models, measure_type: str, schema: Source) -> _Compiled:
    compiled = models.validators.get(measure_type)
    if compiled is None:
        compiled = models.validators[measure_type] = _compile(orjson.dumps(schema))
    return compiled


@functools.lru_cache(maxsize=COMPILED)
def _compile(text: bytes) -> _Compiled:
    schema: Source = orjson.loads(text)
    validator = jsonschema_rs.Draft7Validator(
        schema,
        formats={"uuid": _is_uuid},
        validate_formats=True,
        ignore_unknown_formats=False,
        offline=True,
        pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS),
    )
    return _Compiled(schema, validator)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text.removeprefix("urn:uuid:"))
    except ValueError:
        return False
    return len(text.removeprefix("urn:uuid:")) == len("00000000-0000-0000-0000-000000000000")


def _unknown(schema: Any, path: Path) -> Iterator[Source]:
    """Keywords and formats that draft-07 does not have, and `$schema` of another draft."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        place = (*path, keyword)
        if keyword not in KEYWORDS:
            yield schema_refusal(place, keyword, f'unknown keyword: "{keyword}"')
        elif keyword == "$schema" and value not in DRAFT_7:
            yield schema_refusal(place, keyword, f'no schema with key or ref "{value}"')
        elif keyword == "format" and value not in FORMATS:
            yield schema_refusal(place, keyword, f'unknown format "{value}"', format=value)
        else:
            yield from _unknown_below(keyword, value, place)


def _unknown_below(keyword: str, value: Any, path: Path) -> Iterator[Source]:
    if keyword in SUBSCHEMA or (keyword == "items" and isinstance(value, dict)):
        yield from _unknown(value, path)
    elif keyword in SUBSCHEMAS or keyword == "items":
        for place, one in enumerate(value if isinstance(value, list) else ()):
            yield from _unknown(one, (*path, place))
    elif keyword in NAMED_SUBSCHEMAS or keyword == "dependencies":
        for name, one in value.items() if isinstance(value, dict) else ():
            yield from _unknown(one, (*path, name))


def _meta_refusal(error: jsonschema_rs.ValidationError) -> Source:
    """What the rules of draft-07 refuse in a schema."""
    (*_, refusal) = first_refusal({}, [error])
    return refusal
