"""The evaluation service behind an environment: opened from plain values, or handed in and left running."""

from __future__ import annotations

from functools import partial

from prefixrl.envs.settings import ServiceSettings
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import EvaluationService

UNCACHED_EVALUATORS = ("analytic",)
"""Evaluators that are quicker than a look into a file; they get a cache only where a path asks for one."""


def open_service(settings: ServiceSettings) -> EvaluationService:
    """Start a service and its tools.

    :raises InputError: an unknown evaluator, option, PDK or driving cell, or a missing tool
    """
    pdk = load_pdk(settings.pdk, settings.driving_cell, settings.output_load_ff)
    factory = partial(make_evaluator, settings.evaluator, pdk, **settings.evaluator_options)
    uncached = settings.cache is None and settings.evaluator in UNCACHED_EVALUATORS
    cache = None if uncached else EvaluationCache(settings.cache)
    try:
        return EvaluationService(factory, default_constraints(pdk), cache, settings.workers)
    except BaseException:
        if cache is not None:
            cache.close()
        raise


class ServiceHandle:
    """Holds the service of an environment and closes it only where it was opened here.

    An environment may be used after `close`, as gymnasium's own may: the service is then opened again.

    :param service: a running service, or None to open one
    :param settings: what to open
    :raises InputError: as `open_service`
    """

    def __init__(self, service: EvaluationService | None, settings: ServiceSettings) -> None:
        self._given = service
        self._settings = settings
        self._opened = open_service(settings) if service is None else None

    @property
    def service(self) -> EvaluationService:
        """The running service."""
        if self._given is not None:
            return self._given
        if self._opened is None:
            self._opened = open_service(self._settings)
        return self._opened

    def close(self) -> None:
        """End the tools of a service that was opened here; calling it again does nothing."""
        if self._opened is None:
            return
        self._opened.close()
        if self._opened.cache is not None:
            self._opened.cache.close()
        self._opened = None
