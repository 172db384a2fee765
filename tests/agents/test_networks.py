"""The Q-network: the paper's size, the numbering of actions, independence of width."""

from __future__ import annotations

import pytest
import torch

from prefixrl.agents.job import load_job
from prefixrl.agents.networks import AxialContext, QNetwork, parameter_count
from prefixrl.graphs import encode_action


@pytest.mark.parametrize(("preset", "millions"), [("paper-16", 52), ("paper-32", 105), ("paper-64", 105)])
def test_the_papers_network_has_the_published_number_of_parameters(preset: str, millions: float) -> None:
    agent = load_job(preset).agent
    with torch.device("meta"):
        network = QNetwork(agent.channels, agent.blocks, agent.kernel_size, agent.norm)
    assert parameter_count(network) / 1e6 == pytest.approx(millions, abs=1)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_values_stand_at_the_numbers_of_their_actions(norm: str) -> None:
    torch.manual_seed(0)
    network = QNetwork(8, 1, 5, norm).eval()
    planes = torch.rand(2, 4, 7, 7)
    with torch.no_grad():
        values, maps = network(planes), network.maps(planes)
    assert values.shape == (2, 30, 2)
    for msb, lsb in [(2, 1), (5, 3), (6, 1), (6, 5)]:
        for kind, first in [("add", 0), ("delete", 2)]:
            action = encode_action(7, kind, msb, lsb)
            assert torch.equal(values[:, action], maps[:, first : first + 2, msb, lsb])


def test_one_network_serves_every_width() -> None:
    network = QNetwork(8, 1, 3, "group", extra_planes=3)
    for width in (3, 8, 21):
        assert network(torch.rand(1, 7, width, width)).shape == (1, (width - 1) * (width - 2), 2)


def test_group_normalisation_makes_a_state_independent_of_its_batch() -> None:
    torch.manual_seed(0)
    planes = torch.rand(4, 4, 6, 6)
    group, batch = QNetwork(8, 1, 3, "group"), QNetwork(8, 1, 3, "batch")
    assert torch.allclose(group(planes)[:1], group(planes[:1]), atol=1e-5)
    assert not torch.allclose(batch(planes)[:1], batch(planes[:1]), atol=1e-3)


def test_the_axial_context_reaches_whole_rows_and_columns_and_no_further() -> None:
    torch.manual_seed(0)
    context = AxialContext(3)
    planes = torch.rand(1, 3, 12, 12)
    moved = planes.clone()
    moved[0, :, 11, 2] += 1.0
    changed = (context(planes) != context(moved)).any(dim=1)[0]
    expected = torch.zeros(12, 12, dtype=torch.bool)
    expected[11, :] = expected[:, 2] = True
    assert torch.equal(changed, expected)
    network = QNetwork(8, 1, 3, "group", context=True)
    assert network(torch.rand(2, 4, 9, 9)).shape == (2, 56, 2)
