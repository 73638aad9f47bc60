"""Code for Ubidots that runs against a server of ours: `python examples/ubidots.py URL TOKEN`.

Sends values to a device that does not exist yet, reads them back, creates devices in bulk, and deletes all in bulk.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import httpx


def main(url: str, token: str) -> None:
    """Do it all, and write down how the bulk deletion ended."""
    with httpx.Client(base_url=url, headers={"X-Auth-Token": token}) as http:

        def ask(verb: str, path: str, body: Any = None, **headers: str) -> Any:
            answer = http.request(verb, path, json=body, headers=headers)
            answer.raise_for_status()
            return answer.json()

        def run(path: str, items: Any) -> dict[str, Any]:
            begun = ask("POST", path, items, **{"X-Bulk-Operation": "True"})
            while (task := ask("GET", f"/api/v2.0/tasks/{begun['task']['id']}/"))["status"] in ("PENDING", "STARTED"):
                time.sleep(0.1)
            result: dict[str, Any] = {"status": task["status"], **task["result"]}
            return result

        ask("POST", "/api/v1.6/devices/weather-station/", {"temperature": 21.5, "humidity": {"value": 48}})
        pumps = [{"label": f"pump-{number}", "name": "Pump", "tags": ["cellar"]} for number in range(3)]
        created = run("/api/v2.0/devices/_/bulk/create/", pumps)["created"]
        last = ask("GET", "/api/v1.6/devices/weather-station/temperature/lv")

        # What a list of ids holds can be deleted as it is.
        listed = ask("GET", "/api/v2.0/devices/?fields=id")
        ended = run("/api/v2.0/devices/_/bulk/delete/", listed["results"])
        counts = {"created": len(created), "deleted": len(ended["deleted"])}
        print(json.dumps({"last": last, "status": ended["status"], **counts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
