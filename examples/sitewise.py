"""Code for AWS IoT SiteWise: makes a portal with a project, puts assets into it and takes them out again.

It is pointed here by nothing but its environment (see docs/sitewise.md), and takes the ids of assets as arguments:

    python examples/sitewise.py 0a1b2c3d-0000-4000-8000-00000000cafe ...
"""

from __future__ import annotations

import sys

import boto3


def main(asset_ids: list[str]) -> None:
    client = boto3.client("iotsitewise")
    portal = client.create_portal(
        portalName="Harbour",
        portalContactEmail="operations@harbour.example",
        roleArn="arn:aws:iam::123456789012:role/monitor",
    )
    client.get_waiter("portal_active").wait(portalId=portal["portalId"])
    project = client.create_project(portalId=portal["portalId"], projectName="Cranes")["projectId"]

    for error in client.batch_associate_project_assets(projectId=project, assetIds=asset_ids)["errors"]:
        print("cannot put in", error["assetId"], error["message"])
    pages = client.get_paginator("list_project_assets").paginate(projectId=project)
    print("in the project:", sum(len(page["assetIds"]) for page in pages))

    for error in client.batch_disassociate_project_assets(projectId=project, assetIds=asset_ids)["errors"]:
        print("cannot take out", error["assetId"], error["message"])
    client.delete_project(projectId=project)
    client.delete_portal(portalId=portal["portalId"])


if __name__ == "__main__":
    main(sys.argv[1:])
