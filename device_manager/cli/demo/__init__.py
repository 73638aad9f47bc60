"""`device-manager demo`: the main job on real input, on a server of its own."""
