"""Compiled local search over the forms of a logic network.

Letters: V nodes, K forms. A node's cost is the area of its form, plus an inverter where somebody needs the polarity
that the form does not deliver; `demand[v, polarity]` counts who needs node v in which polarity, and `demand[v, 2]` who
takes it in either. What nobody needs at all costs nothing.
"""

from __future__ import annotations

import math

import numpy as np

from prefixrl.circuits.forms import ANY, UNUSED
from prefixrl.circuits.logic import HALF, INPUT, XOR
from prefixrl.compiling import compiled, inlined

_NOTHING = 1e-9
_FANOUT_DELAY = 0.2
_SEED = 88172645463325252


@inlined
def _node_cost(node, forms, demand, outputs, areas, inverter_costs):
    form = forms[node]
    if demand[node, 1 - outputs[form]] > 0:
        return areas[form] + inverter_costs[node]
    if demand[node, outputs[form]] + demand[node, ANY] == 0:
        return 0.0
    return areas[form]


@inlined
def _count(demand, literal, need, change):
    """Note that a literal is needed by one reader more, or less."""
    if need < ANY:
        demand[literal >> 1, need ^ (literal & 1)] += change
    elif need == ANY:
        demand[literal >> 1, ANY] += change


@inlined
def _neighbourhood_cost(node, forms, demand, operands, outputs, areas, inverter_costs):
    """Cost of a node and its operands: all that a change of its form can change."""
    cost = _node_cost(node, forms, demand, outputs, areas, inverter_costs)
    for place in range(3):
        literal = operands[node, place]
        if literal >= 0:
            cost += _node_cost(literal >> 1, forms, demand, outputs, areas, inverter_costs)
    return cost


@inlined
def _change(node, form, forms, demand, operands, needs):
    """Give a node another form and move its demands."""
    for place in range(3):
        literal = operands[node, place]
        if literal >= 0:
            _count(demand, literal, needs[forms[node], place], -1)
            _count(demand, literal, needs[form, place], 1)
    forms[node] = form


@compiled
def _demand(forms, operands, needed, needs):
    demand = np.zeros((len(forms), 3), dtype=np.int32)
    for node in range(len(forms)):
        for place in range(3):
            literal = operands[node, place]
            if literal >= 0:
                _count(demand, literal, needs[forms[node], place], 1)
    for literal in needed:
        demand[literal >> 1, literal & 1] += 1
    return demand


@compiled
def used_nodes(forms, operands, needed, needs):
    """Whether a node is there at all, because an output or the form of a node that is there asks for it; bool [V]."""
    used = np.zeros(len(forms), dtype=np.bool_)
    for literal in needed:
        used[literal >> 1] = True
    for node in range(len(forms) - 1, -1, -1):
        if used[node]:
            for place in range(3):
                if operands[node, place] >= 0 and needs[forms[node], place] != UNUSED:
                    used[operands[node, place] >> 1] = True
    return used


@compiled
def inverter_costs(operands, inverter_area, critical_weight):
    """What an inverter costs at every node: its area, times up to 1 + critical_weight on the most critical path.

    The delay of a node is 1 + 0.2 fanout; the extra falls off by e for every unit of slack.

    :param operands: int32 [V, 3], literals, negative where there is none
    :returns: float64 [V]
    """
    count = len(operands)
    delays = np.ones(count)
    for node in range(count):
        for place in range(3):
            if operands[node, place] >= 0:
                delays[operands[node, place] >> 1] += _FANOUT_DELAY
    arrivals, tails = np.zeros(count), np.zeros(count)
    for node in range(count):
        for place in range(3):
            if operands[node, place] >= 0:
                arrivals[node] = max(arrivals[node], arrivals[operands[node, place] >> 1] + delays[node])
    for node in range(count - 1, -1, -1):
        for place in range(3):
            if operands[node, place] >= 0:
                source = operands[node, place] >> 1
                tails[source] = max(tails[source], tails[node] + delays[node])
    through = arrivals + tails
    return inverter_area * (1.0 + critical_weight * np.exp(through - through.max()))


@compiled
def level_forms(types, operands, first):
    """The alternating form of every node by its level: odd levels take true operands, even ones inverted.

    Inputs are level 0; a half-sum is level with its AND.

    :param first: int32 [types + 1], forms of type t are first[t] up to first[t + 1]
    :returns: int32 [V]
    """
    count = len(types)
    levels, forms = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    for node in range(count):
        if types[node] == HALF:
            levels[node] = levels[operands[node, 2] >> 1]
        elif types[node] != INPUT:
            for place in range(3):
                if operands[node, place] >= 0:
                    levels[node] = max(levels[node], 1 + levels[operands[node, place] >> 1])
        alternate = levels[node] % 2 == 0 and types[node] != INPUT and types[node] != XOR
        forms[node] = first[types[node]] + alternate
    return forms


@compiled
def improve_forms(forms, types, operands, needed, first, needs, outputs, areas, inverter_costs, sweeps):
    """Change `forms` in place, node by node to its cheapest form, until nothing gets cheaper.

    :param forms: int32 [V], the start and the result
    :param types: int32 [V]
    :param operands: int32 [V, 3], literals, negative where there is none
    :param needed: int32 [outputs], literals that output nets need
    :param first: int32 [types + 1], forms of type t are first[t] up to first[t + 1]
    :param needs: int32 [K, 3], polarity needed of each operand: 0 true, 1 inverted, 2 any, 3 not used
    :param outputs: int32 [K], polarity delivered
    :param areas: float64 [K], um2
    :param inverter_costs: float64 [V], cost of an inverter at each node
    :param sweeps: at most so many passes over the network, alternating in direction
    """
    demand = _demand(forms, operands, needed, needs)
    count = len(forms)
    for sweep in range(sweeps):
        changed = False
        for step in range(count):
            node = step if sweep % 2 else count - 1 - step
            start, end = first[types[node]], first[types[node] + 1]
            old = forms[node]
            best = old
            least = _neighbourhood_cost(node, forms, demand, operands, outputs, areas, inverter_costs) - _NOTHING
            for form in range(start, end):
                if form != old:
                    _change(node, form, forms, demand, operands, needs)
                    cost = _neighbourhood_cost(node, forms, demand, operands, outputs, areas, inverter_costs)
                    if cost < least:
                        least, best = cost, form
            _change(node, best, forms, demand, operands, needs)
            changed = changed or best != old
        if not changed:
            break


@compiled
def anneal_forms(
    forms, types, operands, needed, first, needs, outputs, areas, inverter_costs, sweeps, hottest, coldest
):
    """Simulated annealing from `forms`, which it overwrites with the cheapest that it saw. Same input, same result.

    Other arguments as `improve_forms`.

    :param sweeps: passes over the network; each proposes one other form for every node
    :param hottest: temperature of the first sweep, in the unit of costs
    :param coldest: temperature of the last sweep
    """
    demand = _demand(forms, operands, needed, needs)
    cheapest = forms.copy()
    cost, least = 0.0, 0.0
    state = np.uint64(_SEED)
    count = len(forms)
    for sweep in range(sweeps):
        temperature = hottest * (coldest / hottest) ** (sweep / max(1, sweeps - 1))
        for step in range(count):
            node = step if sweep % 2 else count - 1 - step
            start = first[types[node]]
            choices = first[types[node] + 1] - start
            if choices < 2:
                continue
            # Marsaglia's xorshift64 (Xorshift RNGs, 2003).
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            old = forms[node]
            shift = 1 + np.int64((state >> np.uint64(40)) % np.uint64(choices - 1))
            before = _neighbourhood_cost(node, forms, demand, operands, outputs, areas, inverter_costs)
            _change(node, start + (old - start + shift) % choices, forms, demand, operands, needs)
            rise = _neighbourhood_cost(node, forms, demand, operands, outputs, areas, inverter_costs) - before
            chance = np.float64(state & np.uint64(0xFFFFFF)) / 0x1000000
            if rise <= 0.0 or chance < math.exp(-rise / temperature):
                cost += rise
            else:
                _change(node, old, forms, demand, operands, needs)
        if cost < least - _NOTHING:
            least = cost
            cheapest[:] = forms
    forms[:] = cheapest
