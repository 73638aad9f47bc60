"""What a core device is to clients of Ubidots: its ids, its label and its variables (facades 1.3, 4.4). Pure.

Devices that clients create are of a device model of their engine's own, whose measure slots are all labels of
variables that this engine's devices have. What Ubidots knows beside is in the member `ubidots` of their metadata.
Devices of other models are seen too: their variables are their measure slots.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

from device_manager.storage.contract import Document
from device_manager.storage.stamps import Source

MEMBER = "ubidots"
"""Member of a device's metadata."""
COUNT = "variablesCount"
"""Member of what Ubidots knows of a device: how many variables it has, for searches."""
MEASURE = "ubidotsValue"
"""Type of the measures of variables, and the name of their value."""
CONTEXT = "ubidotsContext"
"""Name of what comes with a value."""
MODEL = "Ubidots"
"""Begins the names of the device models of this interface; a digest of the engine's name follows."""
MODEL_DIGITS = 12
ID_BYTES = 12
SUFFIX_BYTES = 3
IS_ID = re.compile(r"[0-9a-f]{24}")
NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9_.:-]+")
LABEL_SIGN = "~"


class Variable(NamedTuple):
    """A variable of a device.

    Attributes:
        device: id of the core device.
        label: the name of the measure slot.
        type: the type of the measures.
        record: name, description, unit, tags, properties, icon, createdAt, as far as somebody gave them.
    """

    device: str
    label: str
    type: str
    record: Source


def model_name(engine: str) -> str:
    """The device model of what clients of an engine create; capital words and digits, as names of models are."""
    return MODEL + hashlib.sha256(engine.encode()).hexdigest()[:MODEL_DIGITS].upper()


def device_id(engine: str, id: str) -> str:
    """The id under which clients know a core device."""
    return _digest(engine, "devices", id)


def organization_id(engine: str) -> str:
    """The id of the one organization that an engine is to its clients."""
    return _digest(engine, "organizations")


def organization_label(engine: str) -> str:
    """The label of that organization."""
    return slug(engine)


def variable_id(engine: str, id: str, label: str) -> str:
    """The id under which clients know a variable of a core device."""
    return _digest(engine, "variables", id, label)


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).digest()[:ID_BYTES].hex()


def content_of(source: Source) -> Source:
    """What Ubidots knows of a device beside its slots."""
    content = (source.get("metadata") or {}).get(MEMBER)
    return content if isinstance(content, dict) else {}


def is_own(engine: str, source: Source) -> bool:
    """Whether a device is of the model of what clients of the engine create."""
    return bool(source.get("model") == model_name(engine))


def label_of(engine: str, id: str, source: Source) -> str:
    """The label of a device: as it was changed or given, or what the core id gives."""
    changed = content_of(source).get("label")
    if isinstance(changed, str) and changed:
        return changed
    return str(source["reference"]) if is_own(engine, source) else slug(id)


def answers_to(engine: str, id: str, source: Source, key: str) -> bool:
    """Whether a key leads to a device still: an id always does, a label may have gone to another one."""
    return not key.startswith(LABEL_SIGN) or key == LABEL_SIGN + label_of(engine, id, source)


def slug(text: str) -> str:
    """A text as a label."""
    return NOT_IN_LABELS.sub("-", text).strip("-") or "device"


def with_digits(label: str) -> str:
    """A label like one that is taken."""
    return f"{label}-{secrets.token_hex(SUFFIX_BYTES)}"


def variables_of(engine: str, id: str, source: Source) -> list[Variable]:
    """The variables of a device, in the order in which they came."""
    records = content_of(source).get("variables") or {}
    if is_own(engine, source):
        return [Variable(id, label, MEASURE, _unpacked(record)) for label, record in records.items() if record]
    slots = source.get("measureSlots") or []
    return [Variable(id, slot["name"], slot["type"], _unpacked(records.get(slot["name"]))) for slot in slots]


def find_variable(engine: str, id: str, source: Source, wanted: str) -> Variable | None:
    """The variable of a device with an id."""
    variables = variables_of(engine, id, source)
    return next((one for one in variables if variable_id(engine, id, one.label) == wanted), None)


def foreign_ids(engine: str, twin: Document) -> Iterator[str]:
    """What a device can be found by: its own id, its label, and the ids of its variables."""
    yield device_id(engine, twin.id)
    yield LABEL_SIGN + label_of(engine, twin.id, twin.source)
    for variable in variables_of(engine, twin.id, twin.source):
        yield variable_id(engine, twin.id, variable.label)


def packed(record: Any) -> list[Any]:
    """Free-form content as metadata keeps it: in a list of one.

    Objects in metadata are merged member by member when they change, lists are replaced as a whole.
    """
    return [record]


def _unpacked(packed: Any) -> Source:
    return packed[0] if isinstance(packed, list) and packed and isinstance(packed[0], dict) else {}


def properties_of(content: Source) -> Source:
    """The properties of a device."""
    return _unpacked(content.get("properties"))
