"""What authors of plugins test with: fixtures that start servers with their plugins, and a client (design 5).

In the `conftest.py` at the root of a plugin's project:

    pytest_plugins = ["device_manager.testing"]

That gives two fixtures: `device_manager`, a server with all installed plugins that the tests of a module share, and
`start_device_manager`, which starts servers with other plugins or settings. Besides this package only `pytest` is
needed.
"""

from __future__ import annotations

from device_manager.testing.fixtures import StartServer, device_manager, start_device_manager
from device_manager.testing.server import Refused, TestServer

__all__ = ["Refused", "StartServer", "TestServer", "device_manager", "start_device_manager"]
