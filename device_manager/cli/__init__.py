"""The command line: `device-manager serve | link | unlink | doctor | demo`. A contract that others script against."""

from device_manager.cli.main import main

__all__ = ["main"]
