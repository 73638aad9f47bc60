"""`python -m device_manager` is the command `device-manager`."""

from device_manager.cli import main

main(prog_name="device-manager")
