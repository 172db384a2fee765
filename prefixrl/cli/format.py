"""`prefixrl format list|show|quantise`: the number formats by name, their codes, and what numbers become in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefixrl.cli.common import output_console, print_json
from prefixrl.cli.options import JsonOption
from prefixrl.errors import InputError

if TYPE_CHECKING:
    from prefixrl.formats import Format

EXAMPLE = "Example: prefixrl format list; prefixrl format show e4m3; prefixrl format quantise e4m3 0.3 -1000 nan"

app = typer.Typer(
    help="The FP8, MX and wider number formats: names, codes, and numbers rounded to them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[str, typer.Argument(help="A format's name or alias.")]


@app.command("list", epilog="Example: prefixrl format list --json")
def list_command(json: JsonOption = False) -> None:
    """List the formats with what their names stand for."""
    from rich.table import Table

    from prefixrl.formats import FORMATS

    documents = [_document(each) for each in FORMATS.values()]
    if json:
        print_json(documents)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "bits", "largest", "normal", "least", "inf", "nan", "what it is"):
        table.add_column(heading, overflow="fold", justify="left" if heading in ("name", "what it is") else "right")
    for document in documents:
        codes = ["-" if document[key] is None else document[key] for key in ("infinity_code", "nan_code")]
        powers = [f"2^{math.frexp(document[key])[1] - 1}" for key in ("least_normal", "least_subnormal")]
        values = [f"{document['largest']:.5g}", *powers]
        table.add_row(document["name"], str(document["bits"]), *values, *codes, document["title"])
    output_console().print(table)


@app.command("show", epilog="Example: prefixrl format show e2m1")
def show_command(name: NameArgument, json: JsonOption = False) -> None:
    """Show a format's fields, its other names, and the values of its codes where it has 256 at most."""
    from prefixrl.formats import decode_table, format_named

    fmt = format_named(name)
    document = _document(fmt)
    values = [] if fmt.bits > 8 else decode_table(fmt).tolist()
    if json:
        # JSON has no infinity and no NaN.
        shown = [value if math.isfinite(value) else str(value) for value in values]
        print_json({**document, "values": shown})
        return
    for key, value in document.items():
        typer.echo(f"{key:16} {', '.join(value) if isinstance(value, list) else '-' if value is None else value}")
    digits = -(-fmt.bits // 4)
    for start in range(0, len(values), 8):
        row = "".join(f"{value:>12.7g}" for value in values[start : start + 8])
        typer.echo(f"0x{start:0{digits}X}  {row}")


@app.command("quantise", epilog="Example: prefixrl format quantise e5m2 3e5 --no-saturate; -- before negative numbers")
def quantise_command(
    name: NameArgument,
    values: Annotated[list[str], typer.Argument(help="Numbers, also inf and nan.")],
    rounding: Annotated[
        str, typer.Option("--rounding", help="nearest-even, toward-zero, stochastic.")
    ] = "nearest-even",
    saturate: Annotated[
        bool, typer.Option("--saturate/--no-saturate", help="Whether overflow gives the largest number.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", help="Of stochastic rounding.")] = 0,
    json: JsonOption = False,
) -> None:
    """Print the codes and the values that numbers have in a format."""
    import numpy as np

    from prefixrl.formats import decode, encode, format_named

    fmt = format_named(name)
    numbers = [_number(each) for each in values]
    codes = encode(np.array(numbers), fmt, rounding, saturate, np.random.default_rng(seed))
    digits = -(-fmt.bits // 4)
    rows = [
        {"number": given, "code": f"0x{int(code):0{digits}X}", "value": value if math.isfinite(value) else str(value)}
        for given, code, value in zip(values, codes, decode(codes, fmt).tolist(), strict=True)
    ]
    if json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['number']:>14}  {row['code']}  {row['value']}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"a number is needed, got {text[:40]!r}") from None


def _document(fmt: Format) -> dict[str, Any]:
    from prefixrl.formats import FloatFormat
    from prefixrl.formats.registry import ALIASES

    fields: dict[str, Any] = {}
    if isinstance(fmt, FloatFormat):
        fields = {"exponent_bits": fmt.exponent_bits, "mantissa_bits": fmt.mantissa_bits, "bias": fmt.bias}
    return {
        "name": fmt.name,
        "title": fmt.title,
        "bits": fmt.bits,
        **fields,
        "largest": float(fmt.largest),
        "least_normal": float(fmt.least_normal),
        "least_subnormal": float(fmt.least_subnormal),
        "infinity_code": None if fmt.infinity_code is None else f"0x{fmt.infinity_code:X}",
        "nan_code": None if fmt.nan_code is None else f"0x{fmt.nan_code:X}",
        "aliases": sorted(alias for alias, name in ALIASES.items() if name == fmt.name),
    }
