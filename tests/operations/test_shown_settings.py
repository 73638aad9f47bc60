"""What `server:getConfig` and support archives tell of settings (design 8)."""

from __future__ import annotations

from device_manager.controllers.shown_settings import HIDDEN, shown_settings, without_credentials
from device_manager.settings import Settings


def test_secrets_are_hidden() -> None:
    settings = Settings(
        store="elasticsearch:https://elastic:hunter2@search.example:9200",
        redis="redis://:hunter3@cache.example:6379/1",
        telemetry="https://token@traces.example/v1/traces",
        plugins={"weather": {"url": "https://api.example?key=hunter4", "retry": {"secret": ["hunter5"], "times": 3}}},
    )
    shown = shown_settings(settings)
    assert "hunter" not in str(shown)
    assert shown["store"] == "elasticsearch:https://***@search.example:9200"
    assert shown["redis"] == "redis://***@cache.example:6379/1"
    assert shown["plugins"] == {"weather": {"url": HIDDEN, "retry": {"secret": HIDDEN, "times": HIDDEN}}}
    assert shown["port"] == settings.port
    assert set(shown) == set(Settings.__struct_fields__)


def test_addresses() -> None:
    assert without_credentials("sqlite:./data") == "sqlite:./data"
    assert without_credentials("http://a:b@c") == "http://***@c"
    assert without_credentials("http://a:p@ss@c/x") == "http://***@c/x"
    assert without_credentials("http://c/x@y") == "http://c/x@y"
