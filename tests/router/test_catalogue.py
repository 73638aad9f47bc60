"""Codes and statuses of the error catalogue (router-protocol 4)."""

from __future__ import annotations

import re

import pytest

from device_manager.errors import CATALOGUE, ApiError, api_error, unexpected

SAMPLES = [
    ("core.fatal.unexpected_error", 1, 500),
    ("core.realtime.not_subscribed", 65544, 412),
    ("services.storage.unknown_index", 16842753, 412),
    ("services.storage.not_found", 16842763, 404),
    ("services.storage.document_already_exists", 16842769, 400),
    ("services.storage.too_many_changes", 16842784, 409),
    ("services.storage.index_already_exists", 16842790, 412),
    ("services.storage.strict_mapping_rejection", 16842795, 400),
    ("services.storage.unavailable", 16842804, 503),
    ("services.koncorde.elastic_translation_error", 17104897, 400),
    ("api.assert.invalid_type", 33619969, 400),
    ("api.assert.body_required", 33619976, 400),
    ("api.process.overloaded", 33685506, 503),
    ("api.process.controller_not_found", 33685508, 404),
    ("api.process.idempotency_mismatch", 33685519, 409),
    ("network.http.url_not_found", 50397191, 404),
    ("network.websocket.unexpected_error", 50528257, 400),
    ("network.entrypoint.shutting_down", 50593795, 503),
    ("plugin.runtime.unexpected_error", 67239938, 500),
    ("plugin.runtime.pipe_timeout", 67239939, 504),
    ("plugin.runtime.forbidden_change", 67239946, 400),
    ("plugin.strategy.missing_user", 67305492, 401),
    ("plugin.controller.unserializable_response", 67371016, 500),
    ("validation.assert.not_found", 83951628, 404),
    ("security.token.invalid", 117506049, 401),
    ("security.rights.forbidden", 117637122, 403),
    ("cluster.fatal.desync", 134217729, 500),
]


@pytest.mark.parametrize(("id", "code", "status"), SAMPLES)
def test_codes(id: str, code: int, status: int) -> None:
    assert (CATALOGUE[id].code, CATALOGUE[id].status) == (code, status)


def test_ids_and_codes_are_unique() -> None:
    codes = [kind.code for kind in CATALOGUE.values()]
    assert len(codes) == len(set(codes))


def test_every_text_can_be_filled() -> None:
    for kind in CATALOGUE.values():
        places = {int(place) for place in re.findall(r"\{(\d+)\}", kind.text)}
        assert places == set(range(len(places))), kind.id
        assert api_error(kind.id, *"abcdef"[: len(places)]).message


def test_literal_texts() -> None:
    assert (
        api_error("services.storage.not_found", "X", "e", "assets").message == 'Document "X" not found in "e":"assets".'
    )
    assert "already exists" in api_error("services.storage.index_already_exists", "public", "e").message


def test_unforeseen_exceptions_show_their_text_alone() -> None:
    error = unexpected(ValueError("no such colour"))
    assert (error.id, error.status) == ("plugin.runtime.unexpected_error", 500)
    assert "no such colour" in error.message
    known = ApiError("No.", status=400)
    assert unexpected(known) is known
