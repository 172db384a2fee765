"""`prefixrl status`: where a job stands, looked at from another terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption

EXAMPLE = "Example: prefixrl status runs/first"


def status(
    run: Annotated[Path, typer.Argument(help="Run directory of a job, running or not.")], json: JsonOption = False
) -> None:
    """Show where a job stood when it last told: what its live view shows, from any terminal."""
    from dataclasses import asdict

    from prefixrl.agents.live import panel
    from prefixrl.agents.status import read_status
    from prefixrl.designs import RunDirectory

    snapshot, age_s = read_status(RunDirectory.open(run).path)
    if json:
        print_json(
            {"seconds_ago": round(age_s, 1), **asdict(snapshot), "evaluations_per_s": snapshot.evaluations_per_s}
        )
        return
    output_console().print(panel(snapshot))
    typer.echo(f"told {age_s:.0f} s ago")
