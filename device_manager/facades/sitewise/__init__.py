"""The interface of AWS IoT SiteWise: portals, projects, models, assets and values of one engine (facades 2)."""
