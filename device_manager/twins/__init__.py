"""The domain: engines, models, devices, assets, links and their history (device-manager 1 to 4)."""
