"""Work on whole tenants: assets that move from one to another, the locales of models in all (device-manager 2.2)."""
