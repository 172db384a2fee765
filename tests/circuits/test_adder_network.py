"""The compiled network of an adder is that of the generator, array by array."""

import numpy as np
import pytest
from circuit_samples import random_graph

from prefixrl.circuits import Circuit
from prefixrl.circuits.adder_network import adder_arrays
from prefixrl.circuits.generator import logic_network
from prefixrl.graphs.structures import structure, structure_names


@pytest.mark.parametrize("carry_out", [False, True])
@pytest.mark.parametrize("carry_in", [False, True])
@pytest.mark.parametrize("width", [2, 3, 5, 8, 16, 33])
def test_it_is_the_generators(width: int, carry_in: bool, carry_out: bool) -> None:
    graphs = [structure(name, width) for name in structure_names(width)]
    for graph in graphs + [random_graph(width, seed) for seed in range(8)]:
        circuit = Circuit("adder", graph, carry_in, carry_out)
        for found, wanted in zip(adder_arrays(circuit), logic_network(circuit).arrays(), strict=True):
            assert found.dtype == wanted.dtype
            assert np.array_equal(found, wanted)
