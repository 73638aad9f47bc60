"""`device-manager export`: the devices or assets of an engine as CSV that `import` reads back, in constant memory."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import click

from device_manager.cli import report
from device_manager.cli.client import CallRefused, Client, InvalidUrl, ServerUnreachable, websocket_url
from device_manager.cli.exit_codes import Exit
from device_manager.cli.interruption import interruptible
from device_manager.cli.options import KINDS, token_option, url_option
from device_manager.cli.progress import Progress
from device_manager.twins.bulk.cells import Field, fields_of, write_metadata

PAGE = 1000
"""Twins of one call."""
ORDER = [{"model": "asc"}, {"reference": "asc"}]
"""Model and reference make the id, so that no two twins share a place in it."""


@dataclass(slots=True)
class Exported:
    """What an export did.

    Attributes:
        rows: written.
        left_out: metadata members that hold something and that no model describes, so that there is no column for them.
        seconds: how long it took.
        ended_early: why not everything was written, None when it was.
        exit: the status to exit with.
    """

    rows: int = 0
    left_out: set[str] = field(default_factory=set)
    seconds: float = 0.0
    ended_early: str | None = None
    exit: Exit = Exit.DONE


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--engine", required=True, envvar="DEVICE_MANAGER_ENGINE", show_envvar=True, help="Engine id.")
@url_option
@token_option
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: standard output."
)
@click.option("--json", is_flag=True, help="Print a summary as one JSON object; needs --output.")
def export(kind: str, engine: str, url: str, token: str | None, output: Path | None, json: bool) -> None:
    """Write the devices or assets of an engine as CSV, in the form that `import` reads.

    The columns are _id, model, reference, for devices engineId, and metadata.<field> for each field of the engine's
    models. Whoever may not refresh collections may miss what was written in the last second. The file appears once it
    is complete.
    """
    if json and output is None:
        raise click.UsageError("--json needs --output: standard output holds the CSV.")
    exported = Exported()
    try:
        websocket_url(url)
        with _target(output, exported) as target:
            asyncio.run(interruptible(_export(kind, engine, url, token, target, exported)))
    except (InvalidUrl, CallRefused, OSError) as error:
        raise click.UsageError(str(error)) from error
    if json:
        report.print_json(_summary(kind, output, exported))
    else:
        _tell(kind, output, exported)
    sys.exit(exported.exit)


@contextlib.contextmanager
def _target(output: Path | None, exported: Exported) -> Iterator[TextIO]:
    """Where the CSV goes: standard output, or a file that takes its name once it is complete."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        if exported.ended_early is None:
            part.replace(output)
    finally:
        part.unlink(missing_ok=True)


async def _export(kind: str, engine: str, url: str, token: str | None, target: TextIO, exported: Exported) -> None:
    """Write everything, and note in `exported` how it ended. Raises CallRefused."""
    started = time.monotonic()
    try:
        async with Client(url, token=token) as client:
            await _write(client, kind, engine, target, exported)
    except ServerUnreachable as unreachable:
        exported.ended_early, exported.exit = str(unreachable), Exit.UNREACHABLE
    except asyncio.CancelledError:
        exported.ended_early, exported.exit = "Interrupted.", Exit.UNREACHABLE
    exported.seconds = time.monotonic() - started


async def _write(client: Client, kind: str, engine: str, target: TextIO, exported: Exported) -> None:
    models = await _models(client, kind, engine)
    columns = {field.path: field for fields in models.values() for field in fields}
    fixed = ["_id", "model", "reference", *(["engineId"] if kind == "devices" else [])]
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([*fixed, *(field.column for field in columns.values())])
    progress: Progress | None = None
    with contextlib.ExitStack() as stack:
        async for total, hits in _pages(client, kind, engine):
            progress = progress or stack.enter_context(Progress(f"export {kind}", total))
            for hit in hits:
                source = hit["_source"]
                metadata = source.get("metadata") or {}
                fields = models.get(source["model"], list(columns.values()))
                cells = write_metadata(metadata, fields)
                known = {field.path for field in fields}
                exported.left_out.update(name for name in metadata if name not in known and metadata[name] is not None)
                own = [hit["_id"], source["model"], source["reference"], source.get("engineId")]
                writer.writerow([*own[: len(fixed)], *(cells.get(path, "") for path in columns)])
            exported.rows += len(hits)
            progress.advance(len(hits))
    target.flush()
    exported.exit = Exit.REFUSED if exported.left_out else Exit.DONE


async def _models(client: Client, kind: str, engine: str) -> dict[str, list[Field]]:
    """The models of the engine's twins: name -> metadata fields."""
    args = {}
    if kind == "assets":
        listed = await client.call("device-manager/engine", "list")
        groups = {found["index"]: found["group"] for found in listed["engines"]}
        if engine not in groups:
            raise click.UsageError(f'There is no engine "{engine}".')
        args["engineGroup"] = groups[engine]
    models = await client.call("device-manager/models", f"list{kind.capitalize()}", **args)
    found = {}
    for model in models["models"]:
        content = model["_source"][kind.removesuffix("s")]
        defaults = content.get("defaultMetadata") or {}
        found[content["model"]] = list(fields_of(content.get("metadataMappings") or {}, defaults))
    return found


async def _pages(client: Client, kind: str, engine: str) -> AsyncIterator[tuple[int, list[dict[str, Any]]]]:
    """All twins, a page at a time, with how many there are."""
    with contextlib.suppress(CallRefused):  # without the right to it, the search goes on with what is visible already
        await client.call("collection", "refresh", index=engine, collection=kind)
    body: dict[str, Any] = {"query": {"match_all": {}}, "sort": ORDER}
    while True:
        found = await client.call(f"device-manager/{kind}", "search", engineId=engine, size=PAGE, body=body)
        hits = found["hits"]
        yield found["total"], hits
        if len(hits) < PAGE:
            return
        last = hits[-1]["_source"]
        body["search_after"] = [last["model"], last["reference"]]


def _summary(kind: str, output: Path | None, exported: Exported) -> dict[str, Any]:
    return {
        "command": f"export {kind}",
        "file": str(output),
        "rows": exported.rows,
        "leftOut": sorted(exported.left_out),
        "seconds": round(exported.seconds, 3),
        "endedEarly": exported.ended_early,
        "exit": int(exported.exit),
    }


def _tell(kind: str, output: Path | None, exported: Exported) -> None:
    """The summary for people, on standard error."""
    place = f" to {output}" if output and exported.ended_early is None else ""
    click.echo(f"Exported {exported.rows:,} {kind}{place} in {exported.seconds:.1f} s.", err=True)
    if exported.left_out:
        names = ", ".join(sorted(exported.left_out))
        click.echo(f"Left out, because no model describes them: {names}", err=True)
    if exported.ended_early is not None:
        click.echo(f"Ended early: {exported.ended_early}", err=True)
