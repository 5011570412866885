"""The engines that are installed here, which run a pack's cases."""

from __future__ import annotations

from pbr.engines import durable
from pbr.jobs.decide import ENGINES, Engine


def engines() -> dict[str, Engine]:
    """The engines that are installed here, by name."""
    return {name: engine for name, engine in ENGINES.items() if name != "durable" or durable.available()}
