"""Evaluated designs: the store, fronts and hypervolume, reports and plots, export.

Imports `prefixrl.synthesis` and what is below it; knows nothing of environments and agents. Plots load matplotlib only
when one is drawn.
"""

from prefixrl.designs.front import FrontPoint, dominates_everywhere, front_of, hypervolume, reference_point, savings
from prefixrl.designs.pick import pick
from prefixrl.designs.records import Design, DesignContext
from prefixrl.designs.run import RunDirectory
from prefixrl.designs.source import FrontSource, open_source
from prefixrl.designs.store import DesignStore

__all__ = [
    "Design",
    "DesignContext",
    "DesignStore",
    "FrontPoint",
    "FrontSource",
    "RunDirectory",
    "dominates_everywhere",
    "front_of",
    "hypervolume",
    "open_source",
    "pick",
    "reference_point",
    "savings",
]
