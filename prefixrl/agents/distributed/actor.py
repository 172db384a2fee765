"""The environment actor: plays a batch of environments by weights that it is given.

The play itself is a thread that goes on as on one machine; wherever it needs something from outside (a step's orders,
the curves of graphs) it hands a message out and waits for the answer. `exchange` is both ends of that.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from prefixrl.agents.archive import FrontArchive
from prefixrl.agents.distributed.messages import Answers, Broken, Orders, Policy, Step, Wanted
from prefixrl.agents.exploration import epsilon_ladder
from prefixrl.agents.job import JobConfig
from prefixrl.agents.qlearning import QLearner
from prefixrl.agents.rollout import Rollout, RolloutState
from prefixrl.circuits import Circuit
from prefixrl.synthesis.ray_actor import whereabouts
from prefixrl.synthesis.service import Evaluation, EvaluationService

NEAR_EVALUATIONS = 20_000
"""Curves that an actor remembers; about 2 kB each. Half of what a policy asks for it has asked for before."""


class AskedService:
    """What the environments of an actor have for an `EvaluationService`: it asks the driver, but remembers curves.

    :param ask: gives the answers for packed graphs
    """

    def __init__(self, ask: Callable[[Sequence[bytes]], Answers]) -> None:
        self.asked = self.near = 0
        self._ask = ask
        self._known: OrderedDict[bytes, Evaluation] = OrderedDict()

    def evaluate_many(self, circuits: Sequence[Circuit]) -> list[Evaluation]:
        """As `EvaluationService.evaluate_many`."""
        packed = [circuit.graph.to_bytes() for circuit in circuits]
        wanted = {graph: circuit for graph, circuit in zip(packed, circuits, strict=True) if graph not in self._known}
        self.asked += len(packed)
        self.near += sum(graph in self._known for graph in packed)
        found = {graph: self._known[graph] for graph in packed if graph in self._known}
        results = self._ask(list(wanted)).results if wanted else ()
        for (graph, circuit), (key, curve, failure) in zip(wanted.items(), results, strict=True):
            found[graph] = Evaluation(circuit, key, curve, failure, 0.0, True)
            if curve is not None:
                self._known[graph] = found[graph]
        while len(self._known) > NEAR_EVALUATIONS:
            self._known.popitem(last=False)
        return [found[graph] for graph in packed]


class EnvironmentActor:
    """One actor. Everything but `exchange` and `whereabouts` happens in the thread that plays.

    :param job: as JSON text
    :param place: number of this actor
    :param state: where its environments stand; None to begin with new episodes
    :param steps: of the whole job so far, so that a job that goes on without states does not repeat itself
    """

    def __init__(self, job: str, place: int, state: RolloutState | None, steps: int = 0) -> None:
        config = JobConfig.model_validate(json.loads(job))
        self._config = config.model_copy(update={"agent": config.agent.model_copy(update={"device": "cpu"})})
        self._place, self._state, self._steps = place, state, steps
        self._in: queue.SimpleQueue[Orders | Answers] = queue.SimpleQueue()
        self._out: queue.SimpleQueue[Wanted | Step | Broken] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="prefixrl-play", daemon=True).start()

    def whereabouts(self) -> dict[str, Any]:
        """See `ray_actor.whereabouts`."""
        return whereabouts()

    def exchange(self, said: Orders | Answers) -> Wanted | Step | Broken:
        """Hand the play what it waits for; what it wants or brings next."""
        self._in.put(said)
        return self._out.get()

    def _run(self) -> None:
        try:
            self._play()
        except Exception as error:
            self._out.put(Broken(f"{type(error).__name__}: {error}".splitlines()[0]))

    def _play(self) -> None:
        config, agent = self._config, self._config.agent
        batch = batch_of(config)
        # The front and the weights come with the first orders.
        player = _Player(config)
        player.follow(cast(Orders, self._in.get()))
        service = AskedService(self._ask)
        seed = np.random.SeedSequence([config.seed, self._steps], spawn_key=(2 + self._place,))
        rollout = Rollout(config, cast(EvaluationService, service), player.archive, np.random.default_rng(seed), batch)
        rollout.begin(self._state)
        orders = self._tell(None, player.version, 0.0, rollout, service)
        while True:
            player.follow(orders)
            ladder = epsilon_ladder(orders.epsilon, batch * config.ray.actors, agent.epsilon_ladder)
            actions = rollout.act(player.learner.values, ladder[batch * self._place :][:batch])
            observations, rewards, _, _, infos = rollout.environments.step(actions)
            rows = rollout.keep(actions, observations, infos)
            rollout.restart_due()
            orders = self._tell(rows, player.version, float(rewards.mean()), rollout, service)

    def _ask(self, graphs: Sequence[bytes]) -> Answers:
        self._out.put(Wanted(graphs))
        return cast(Answers, self._in.get())

    def _tell(self, rows: Any, version: int, reward: float, rollout: Rollout, service: AskedService) -> Orders:
        self._out.put(Step(rows, version, reward, rollout.state(), service.asked, service.near))
        service.asked = service.near = 0
        return cast(Orders, self._in.get())


class _Player:
    """The network and the front that an actor plays by, kept at the newest version that it was told of."""

    def __init__(self, config: JobConfig) -> None:
        import torch

        torch.set_num_threads(config.agent.threads)
        self.learner = QLearner(config.agent, config.seed)
        self.archive = FrontArchive()
        self.version = -1
        self._width = config.circuit.width

    def follow(self, orders: Orders) -> None:
        """Play by the version of the orders from here on."""
        import ray

        if orders.version == self.version:
            return
        policy: Policy = ray.get(orders.policy[0])
        self.learner.load_weights(policy.weights)
        self.archive.load_rows(policy.front, self._width)
        self.version = orders.version


def batch_of(config: JobConfig) -> int:
    """Environments of each actor of a job."""
    return config.ray.environments or config.environment.environments
