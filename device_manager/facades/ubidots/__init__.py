"""The interface of Ubidots: devices, variables and values of one engine, as its clients know them (facades 4)."""
