"""`prefixrl cache stat|verify|clear`: the evaluations kept on disk between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from prefixrl.cli.common import print_json
from prefixrl.cli.options import JsonOption

if TYPE_CHECKING:
    from prefixrl.synthesis.cache import EvaluationCache

EXAMPLE = "Example: prefixrl cache stat; prefixrl cache verify --json"

app = typer.Typer(
    help="Look after the cache of evaluations ($PREFIXRL_CACHE, or ~/.cache/prefixrl).",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _open() -> EvaluationCache:
    from prefixrl.synthesis.cache import EvaluationCache

    return EvaluationCache()


def _print(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(figures)
        return
    for name, value in figures.items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")


@app.command("stat", epilog="Example: prefixrl cache stat --json")
def stat_command(json: JsonOption = False) -> None:
    """Say where the cache is, how many evaluations it holds, and how large it is and may become."""
    cache = _open()
    try:
        _print(cache.stat().to_json(), json)
    finally:
        cache.close()


@app.command("verify", epilog="Example: prefixrl cache verify")
def verify_command(json: JsonOption = False) -> None:
    """Check the digest of every evaluation; what is damaged is dropped, and will be evaluated again when asked for."""
    cache = _open()
    try:
        _print(cache.verify().to_json(), json)
    finally:
        cache.close()


@app.command("clear", epilog="Example: prefixrl cache clear")
def clear_command(json: JsonOption = False) -> None:
    """Forget every evaluation. Runs keep theirs: a run's own store is never touched."""
    cache = _open()
    try:
        _print({"dropped": cache.clear()}, json)
    finally:
        cache.close()
