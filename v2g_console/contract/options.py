"""What the command line tells `run` and `demo` beyond the configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Protocol = Literal["1", "2", "mixed"]
"""The wire protocol that simulated vehicles speak."""
Reallocation = Literal["none", "balanced", "probabilistic"]
"""How a shortfall after refusals and silence is shared again; `none` leaves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run: with or without a screen, and what the screen looks like. `None` and False leave it to the configuration."""

    no_ui: bool = False
    read_only: bool = False
    commands: str | None = None
    """file with JSON Lines requests, `-` for standard input"""
    theme: str | None = None
    low_bandwidth: bool = False
    ascii: bool = False
    plain: bool = False
    """lines of text instead of a screen"""
    record: Path | None = None
    """record what is shown into this new file"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions(RunOptions):
    """The simulated fleet of a demo. Rates are shares of 0..1, `latency_ms` is the mean time a vehicle takes to answer."""

    vehicles: int = 200
    sites: int = 4
    seed: int = 1
    protocol: Protocol = "mixed"
    drop_rate: float = 0.0
    """share of commands that get lost on their way"""
    silent_rate: float = 0.0
    """share of vehicles that obey but never acknowledge"""
    reject_rate: float = 0.0
    """share of vehicles that refuse"""
    limit_rate: float = 0.0
    """share of vehicles that apply less than asked"""
    latency_ms: float = 80.0
    reallocation: Reallocation = "none"
    """`none`, so that the counts of a demo with faults are those of the vehicles"""
    broker: str | None = None
    """use this broker instead of an embedded one"""
