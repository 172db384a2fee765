"""Entry point `prefixrl`: registers the commands and turns errors into one line and an exit code."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from prefixrl.cli import (
    accuracy,
    animate,
    bench,
    board,
    cache,
    compare,
    doctor,
    evaluate,
    export,
    format,
    jobs,
    leaderboard,
    pareto,
    pdk,
    show,
    status,
    sweep,
    unit,
)
from prefixrl.errors import PrefixrlError
from prefixrl.notices import listen

app = typer.Typer(
    name="prefixrl",
    help="Parallel-prefix circuits (adders first), designed by reinforcement learning with real synthesis in the loop.",
    epilog=(
        "First steps: prefixrl doctor; prefixrl evaluate sklansky --width 16; "
        "prefixrl train --preset demo --out runs/demo"
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("train", epilog=jobs.TRAIN_EXAMPLE)(jobs.train)
app.command("search", epilog=jobs.SEARCH_EXAMPLE)(jobs.search)
app.command("sweep", epilog=sweep.EXAMPLE)(sweep.sweep)
app.command("evaluate", epilog=evaluate.EXAMPLE)(evaluate.evaluate)
app.command("pareto", epilog=pareto.EXAMPLE)(pareto.pareto)
app.command("compare", epilog=compare.EXAMPLE)(compare.compare)
app.command("status", epilog=status.EXAMPLE)(status.status)
app.command("show", epilog=show.EXAMPLE)(show.show)
app.command("animate", epilog=animate.EXAMPLE)(animate.animate)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("leaderboard", epilog=leaderboard.EXAMPLE)(leaderboard.leaderboard)
app.add_typer(pdk.app, name="pdk", epilog=pdk.EXAMPLE)
app.add_typer(cache.app, name="cache", epilog=cache.EXAMPLE)
app.add_typer(format.app, name="format", epilog=format.EXAMPLE)
app.command("board", epilog=board.EXAMPLE)(board.board)
app.command("doctor", epilog=doctor.EXAMPLE)(doctor.doctor)
app.add_typer(accuracy.app, name="accuracy", epilog=accuracy.EXAMPLE)
app.add_typer(unit.app, name="unit", epilog=unit.EXAMPLE)
app.add_typer(bench.app, name="bench", epilog=bench.EXAMPLE)


def _version(value: bool) -> None:
    if value:
        from prefixrl import __version__

        typer.echo(f"prefixrl {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Parallel-prefix circuits (adders first), designed by reinforcement learning with real synthesis in the loop."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    :param arguments: what follows the program's name
    :returns: the exit code: 0 on success, 2 on bad usage or bad input, 1 on failure, 130 after Ctrl-C
    """
    try:
        return app(list(arguments), standalone_mode=False) or 0
    except PrefixrlError as error:
        return _refuse(str(error), error.exit_code)
    except TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        # `no_args_is_help` has printed the help by then and has nothing to say.
        given = shlex.join(["prefixrl", *arguments])
        return _refuse(f"{message.rstrip('.')}: {given}", getattr(error, "exit_code", 2)) if message else 2
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _refuse("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output went away (`prefixrl pareto RUN | head`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        return _refuse(f"{error.strerror or error}: {error.filename}" if error.filename else str(error), 1)


def _refuse(message: str, code: int) -> int:
    print(f"prefixrl: {' '.join(message.split())}", file=sys.stderr)
    return code


def main() -> None:
    """The console script."""
    listen(lambda message: print(f"prefixrl: {message}", file=sys.stderr))
    sys.exit(run(sys.argv[1:]))
