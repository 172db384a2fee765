"""The unit of work that goes to a worker, in another process or on another machine: plain JSON both ways.

Nothing is pickled. A unit says everything that its result depends on, so that doing it twice gives the same result,
and names the key that it must come out at, so that a worker with other tools or another library is found out.
"""

from __future__ import annotations

import functools
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from prefixrl.circuits import Circuit
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.evaluator import Evaluator, make_evaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk

EvaluatorFactory = Callable[[], Evaluator]


@dataclass(frozen=True)
class EvaluatorSpec:
    """Which evaluator to make; called, it makes one.

    :param name: what `make_evaluator` takes
    :param pdk: what it synthesises to
    :param options: of the evaluator, JSON values
    """

    name: str
    pdk: Pdk
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Evaluator:
        return make_evaluator(self.name, self.pdk, **self.options)

    @classmethod
    def of(cls, factory: EvaluatorFactory) -> EvaluatorSpec:
        """What a factory makes: a specification itself, or `functools.partial(make_evaluator, name, pdk, **options)`.

        :raises InputError: any other callable, which only this process can call
        """
        if isinstance(factory, cls):
            return factory
        if isinstance(factory, functools.partial) and factory.func is make_evaluator and len(factory.args) == 2:
            return cls(*factory.args, options=factory.keywords)
        raise InputError(f"workers in other processes need an EvaluatorSpec in place of a function: {factory!r:.80}")

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"name": self.name, "pdk": to_plain(self.pdk), "options": to_plain(dict(self.options))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EvaluatorSpec:
        """What `to_json` made. A PDK whose files lie elsewhere on this machine is looked for by its name.

        :raises InputError: there is no such PDK
        """
        pdk: Pdk = from_plain(Pdk, data["pdk"])
        if not all(path.is_file() for path in pdk.liberty):
            found = load_pdk(pdk.name, pdk.driving_cell, pdk.output_load_ff)
            pdk = replace(found, dont_use=pdk.dont_use)
        return cls(data["name"], pdk, data["options"])


@dataclass(frozen=True)
class WorkUnit:
    """One circuit to evaluate.

    :param key: its evaluation key
    """

    key: str
    circuit: Circuit
    constraints: Constraints


def pack_units(units: Sequence[WorkUnit]) -> str:
    """Units as JSON in one line, which `UnitBatch` reads; constraints that they share are in it once."""
    shared: dict[int, tuple[int, str]] = {}
    rows: list[list[Any]] = []
    for unit in units:
        circuit, known = unit.circuit, id(unit.constraints)
        if known not in shared:
            shared[known] = len(shared), json.dumps(to_plain(unit.constraints))
        graph = circuit.graph.to_bytes().hex()
        made_of = [circuit.kind, circuit.width, graph, circuit.carry_in, circuit.carry_out]
        rows.append([unit.key, *made_of, shared[known][0]])
    return json.dumps({"constraints": [text for _, text in shared.values()], "units": rows})


class UnitBatch:
    """Units that `pack_units` packed; each is made only when it is asked for.

    :param data: what `json.loads` makes of the packed text
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data["units"])

    def unit(self, place: int) -> WorkUnit:
        """One unit.

        :raises InputError: an illegal graph or constraints
        """
        key, kind, width, packed, carry_in, carry_out, number = self._data["units"][place]
        graph = PrefixGraph.from_bytes(width, bytes.fromhex(packed))
        constraints = _constraints_of(self._data["constraints"][number])
        return WorkUnit(key, Circuit(kind, graph, carry_in, carry_out), constraints)


@functools.lru_cache(16)
def _constraints_of(text: str) -> Constraints:
    constraints: Constraints = from_plain(Constraints, json.loads(text))
    return constraints


def to_plain(value: Any) -> Any:
    """JSON values for a dataclass of numbers, texts, paths, tuples and further dataclasses.

    :raises InputError: something else is in it
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value) if each.init}
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: to_plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    raise InputError(f"what goes to a worker must be numbers, texts, lists and the like: {value!r:.80}")


def from_plain(kind: Any, data: Any) -> Any:
    """The inverse of `to_plain`.

    :param kind: the type to make, as it stands in a dataclass
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        arms = [arm for arm in arguments if arm is not type(None)]
        return None if data is None else from_plain(arms[0], data)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: from_plain(hints[name], value) for name, value in data.items()})
    if origin is tuple:
        kinds = [arguments[0]] * len(data) if arguments[-1] is Ellipsis else arguments
        return tuple(from_plain(each, value) for each, value in zip(kinds, data, strict=True))
    if origin is list:
        return [from_plain(arguments[0], value) for value in data]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: from_plain(arguments[1], value) for name, value in data.items()}
    return Path(data) if kind is Path else data
