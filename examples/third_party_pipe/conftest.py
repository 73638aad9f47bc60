"""Gives the tests the fixtures of the device manager."""

pytest_plugins = ["device_manager.testing"]
