"""From what arrives to stored measures, exactly once in effect (device-manager 3, transactions 2)."""
