"""The device manager's own errors (device-manager 5.6), in domain 16: like `native.TABLE`."""

from __future__ import annotations

TABLE: dict[tuple[str, int, int], list[tuple[str, int, int, str]]] = {
    ("device_manager.engines", 16, 1): [
        ("already_exists", 1, 400, 'Device-manager engine on index "{0}" already exists'),
        ("not_found", 2, 404, 'Device-manager engine on index "{0}" does not exists'),
        ("unknown", 3, 400, 'Engine "{0}" does not exists.'),
        ("closing", 4, 409, 'Engine "{0}" is being deleted.'),
        ("collection_failed", 5, 500, "Failed to create the collection [{0}] for engine [{1}]: {2}"),
        (
            "reserved_index",
            6,
            400,
            'The index "{0}" cannot become an engine: the device manager keeps its own data there.',
        ),
    ],
    ("device_manager.models", 16, 2): [
        ("unknown_asset", 1, 404, 'Unknown Asset model "{0}".'),
        ("unknown_device", 2, 404, 'Unknown Device model "{0}".'),
        ("unknown_measure", 3, 404, 'Unknown Measure type "{0}".'),
        ("undeclared_measure_type", 4, 500, 'Cannot find measure "{0}" declared in {1} "{2}"'),
        ("not_pascal_case", 5, 400, '{0} model "{1}" must be PascalCase.'),
        ("duplicate_measures", 6, 400, "{0} model measures contain one or multiple duplicate measure name"),
        ("mappings_conflict", 7, 409, "New {0} mappings are causing conflicts"),
        ("unknown_default", 8, 400, 'The default value "{0}" is not in the metadata mappings.'),
        ("invalid_registration", 9, 500, 'The {0} model "{1}" that a plugin registers is not usable: {2}'),
    ],
    ("device_manager.devices", 16, 3): [
        ("already_attached", 1, 400, 'Device "{0}" is already attached to an engine.'),
        ("not_attached", 2, 400, 'Device "{0}" is not attached to an engine.'),
        ("attached_elsewhere", 3, 400, 'Device "{0}" is not attached to the specified engine.'),
        ("exists_elsewhere", 4, 400, 'Device "{0}" already exists on another engine. Abort'),
    ],
    ("device_manager.links", 16, 4): [
        ("no_entry", 1, 400, "You must provide at least one asset to be linked."),
        (
            "no_slot_to_link",
            2,
            400,
            'You must provide at least one measure name or set "implicitMeasuresLinking" to true.',
        ),
        ("no_slot_to_unlink", 3, 400, 'You must provide at least one measure name or set "allMeasures" to true.'),
        ("undeclared_device_slot", 4, 400, 'Measure "{0}" is not declared in the device model "{1}".'),
        ("unknown_asset_slot", 5, 400, 'Measure slot "{0}" does not exist on asset "{1}".'),
        ("different_types", 6, 400, 'Measure slots "{0}" ({1}) and "{2}" ({3}) have different types.'),
        ("asset_slot_taken", 7, 400, 'Measure name "{0}" is already provided by another device on this asset.'),
        ("device_slot_taken", 8, 400, 'Measure name "{0}" is already provided to another asset by this device.'),
        (
            "no_free_slot",
            9,
            400,
            'No free compatible measure slot available to link device "{0}" to asset "{1}".',
        ),
        ("slot_named_twice", 10, 400, 'Measure slot "{0}" is named in two different pairs of one link.'),
        ("device_not_linked", 11, 400, 'Device "{0}" is not linked to an asset.'),
        ("slot_not_linked", 12, 400, 'Measure "{0}" of device "{1}" is not linked.'),
        (
            "nothing_to_unlink",
            13,
            400,
            'You must provide at least one of "allMeasures", "assets", "measureSlots" and "linkedMeasures".',
        ),
    ],
    ("device_manager.bulk", 16, 5): [
        ("malformed", 1, 400, "Malformed request missing property csv, records, deviceIds"),
        ("unknown_twins", 2, 404, "{0}"),
        ("not_attached", 3, 412, "{0}"),
        ("refused", 4, 400, "{0} of {1} records are refused, nothing was changed."),
        ("unreadable_row", 5, 400, "Row {0} cannot be read: {1}"),
        ("half_pair", 6, 400, 'Give both "deviceSlot" and "assetSlot", or neither to have the slots paired by type.'),
        ("already_attached", 7, 400, "{0}"),
        ("unknown_engines", 8, 400, "{0}"),
        ("unknown_column", 9, 400, 'Unknown column "{0}". Accepted: {1}.'),
        ("wrong_id", 10, 400, 'The id "{0}" does not follow from model and reference: it has to be "{1}".'),
        ("foreign_field", 11, 400, 'The column "{0}" is no field of the model "{1}".'),
    ],
    ("device_manager.assets", 16, 6): [
        ("still_linked", 1, 400, 'Asset "{0}" is still linked to devices.'),
    ],
    ("device_manager.decoders", 16, 12): [
        ("unknown_slot", 1, 400, 'Decoder "{0}" has no measure named "{1}"'),
        ("invalid_measured_at", 2, 400, 'Invalid payload: "measuredAt" should be a timestamp in milliseconds'),
        ("missing_property", 3, 412, 'Missing property "{0}" in payload'),
        ("unknown", 4, 400, 'Cannot find decoder for "{0}"'),
        ("already_registered", 5, 500, 'Decoder for device model "{0}" already registered'),
        ("invalid_registration", 6, 500, 'The decoder for the device model "{0}" is not usable: {1}.'),
        ("failed", 7, 400, 'The decoder for "{0}" failed on this payload: {1}'),
        ("wrong_type", 8, 400, 'Decoder "{0}" declares the measure "{1}" as "{2}", not as "{3}".'),
        ("invalid_reference", 9, 400, 'Decoder "{0}": a device\'s reference has to be a text, not {1}.'),
        ("invalid_values", 10, 400, 'Decoder "{0}": the values of the measure "{1}" have to be an object.'),
    ],
    ("device_manager.native", 16, 10): [
        (
            "managed_member",
            1,
            400,
            'The member "{0}" of "{1}" belongs together with other documents: {2} changes it. With "force" the '
            "document is stored as it is.",
        ),
        (
            "managed_collection",
            2,
            400,
            'The device manager keeps what is in "{0}":"{1}": use {2}. With "force" it is done all the same.',
        ),
    ],
}
