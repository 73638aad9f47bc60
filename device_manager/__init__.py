"""An IoT device manager: engines, devices, assets and the links between them, over WebSocket and HTTP."""
