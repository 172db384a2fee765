"""Which form every node of a logic network takes: polarity chosen for the whole network at once.

Four policies. "level" is the paper's: polarity alternates with the level, and every signal that is needed in both
polarities gets one inverter. "area" starts there and minimises the area of forms and inverters by local search, with
inverters on critical paths counted somewhat dearer; "speed" counts them much dearer. "merged" is "area" where the first
carry of a bit may also be one AOI22 of the bit's operands, without a gate for its generate: smaller where delay hardly
counts, by 2 % on fronts and 8 % for a ripple-carry adder, and slower where it does. All are deterministic.

The minimum is a max-cut-like problem (a node and its reader should differ in polarity, and odd cycles forbid it for
all), so there is no simple exact method, and a short annealing between two descents comes close.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prefixrl.circuits.forms import ANY, FORMS, Form
from prefixrl.circuits.logic import NetworkArrays, with_carries
from prefixrl.errors import InputError

# How much dearer an inverter is on the most critical path than far from it. Measured on the classical structures and on
# random graphs at 16 to 64 bits, sized by ABC: below 1 it costs no area and keeps inverters off critical paths where
# there is a choice; at 4 it costs 1.5 % area at relaxed delays, and the best of both policies is 1 to 2 % smaller than
# "area" alone within 15 % of the least delay.
_CRITICAL_WEIGHT = {"area": 0.25, "speed": 4.0, "merged": 0.25}
POLARITIES = ("area", "speed", "level", "merged")
_DESCENT_SWEEPS = 50
# On random graphs descent alone ends 2 to 4 % above the integer-programming optimum, with this annealing (in inverter
# areas; 50 times as many sweeps gain 0.1 %) 0.5 to 1 %, at 0.5 ms for a 32-bit adder.
ANNEALING_SWEEPS = 40
_TEMPERATURES = (0.5, 0.15)


@dataclass(frozen=True)
class FormTable:
    """The forms of all node types as arrays for the kernels; K forms in all.

    :param forms: the forms themselves, by number
    :param first: [types + 1], forms of type t are first[t] up to first[t + 1]
    :param needs: [K, 3], 0 true, 1 inverted, 2 any, 3 not used
    :param outputs: [K], 0 true, 1 inverted
    :param areas: [K], um2
    :param inverter_area: um2
    """

    forms: tuple[Form, ...]
    first: np.ndarray
    needs: np.ndarray
    outputs: np.ndarray
    areas: np.ndarray
    inverter_area: float


def form_table(areas: dict[str, float]) -> FormTable:
    """The table for a library, from the areas of its roles (`builder.role_areas`)."""
    forms = [form for node_type in sorted(FORMS) for form in FORMS[node_type]]
    counts = [len(FORMS[node_type]) for node_type in sorted(FORMS)]
    needs = [form.needs + (ANY,) * (3 - len(form.needs)) for form in forms]
    return FormTable(
        tuple(forms),
        np.concatenate(([0], np.cumsum(counts))).astype(np.int32),
        np.array(needs, dtype=np.int32),
        np.array([form.output for form in forms], dtype=np.int32),
        np.array([sum(areas[role] for role in form.gates) for form in forms]),
        areas["INV"],
    )


def choose_forms(network: NetworkArrays, table: FormTable, polarity: str, sweeps: int = ANNEALING_SWEEPS) -> np.ndarray:
    """The number of the form of every node, int32 [V].

    :param polarity: one of `POLARITIES`
    :param sweeps: of the annealing; 0 for none
    :raises InputError: another policy
    """
    if polarity not in POLARITIES:
        raise InputError(f"the polarity policy must be one of {', '.join(POLARITIES)}: {polarity!r}")
    # numba takes a third of a second to import: only those who map pay for it.
    from prefixrl.circuits.kernels import anneal_forms, improve_forms, inverter_costs, level_forms

    types, operands, needed = network
    if polarity == "merged":
        types = with_carries(network)
    chosen = level_forms(types, operands, table.first)
    if polarity == "level":
        return chosen
    costs = inverter_costs(operands, table.inverter_area, _CRITICAL_WEIGHT[polarity])
    problem = (types, operands, needed, table.first, table.needs, table.outputs, table.areas, costs)
    improve_forms(chosen, *problem, _DESCENT_SWEEPS)
    if sweeps == 0:
        return chosen
    hottest, coldest = (temperature * table.inverter_area for temperature in _TEMPERATURES)
    anneal_forms(chosen, *problem, sweeps, hottest, coldest)
    improve_forms(chosen, *problem, _DESCENT_SWEEPS)
    return chosen
