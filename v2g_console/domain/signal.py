"""Flexibility signals and the product rules that go with them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class UnknownSignalError(ValueError):
    """A signal name that is not known; the message lists the known ones."""


class WrongDirectionError(ValueError):
    """A power whose sign contradicts the signal."""


class Signal(StrEnum):
    """The kinds of signal. Directions are kept: aFRR up and down are two signals."""

    FCR = "FCR"
    AFRR_UP = "aFRR_UP"
    AFRR_DOWN = "aFRR_DOWN"
    MA = "MA"
    NEBEF = "NEBEF"
    ECOWATT = "EcoWatt"


class Headroom(StrEnum):
    """Which side of a vehicle's capability a product uses."""

    SIGNED = "signed"  # up for a positive target, down for a negative one
    BOTH = "both"  # min(up, down): the product is symmetric


@dataclass(frozen=True, slots=True)
class Product:
    """The rules of one signal beyond the physical bounds (`domain.md`, Products).

    `rank`: 1 is the highest. `sustained_s`: how long the power must be sustainable whatever the duration (FCR, aFRR),
    None = the duration itself.
    `min_soc`: the lowest SoC that may take part. `reduction_only`: reduces charging, never injects (NEBEF, EcoWatt).
    `needs_v2g`: only vehicles that can inject.
    """

    signal: Signal
    rank: int
    headroom: Headroom
    sign: int  # +1 positive only, -1 negative only, 0 both
    sustained_s: float | None = None
    min_soc: float = 0.0
    reduction_only: bool = False
    needs_v2g: bool = False
    note: str = ""


PRODUCTS: Final[dict[Signal, Product]] = {
    Signal.FCR: Product(
        Signal.FCR,
        1,
        Headroom.BOTH,
        0,
        sustained_s=900.0,
        min_soc=0.6,
        needs_v2g=True,
        note="step, not frequency response",
    ),
    Signal.AFRR_UP: Product(Signal.AFRR_UP, 2, Headroom.SIGNED, 1, sustained_s=900.0),
    Signal.AFRR_DOWN: Product(Signal.AFRR_DOWN, 2, Headroom.SIGNED, -1, sustained_s=900.0),
    Signal.MA: Product(Signal.MA, 3, Headroom.SIGNED, 0),
    Signal.NEBEF: Product(Signal.NEBEF, 4, Headroom.SIGNED, 1, reduction_only=True),
    Signal.ECOWATT: Product(Signal.ECOWATT, 5, Headroom.SIGNED, 1, reduction_only=True),
}

_BY_NAME: Final = {signal.value.lower(): signal for signal in Signal}


def parse_signal(name: str, power_kw: float) -> tuple[Signal, float]:
    """The signal called `name` and the signed regulation in kW that `power_kw` asks of it.

    aFRR_UP and aFRR_DOWN take a magnitude (the matching sign is accepted); plain `aFRR` takes its direction from the sign.
    Raises UnknownSignalError, or WrongDirectionError for a sign that contradicts the signal.
    """
    key = name.strip().lower()
    if key == "afrr":
        key = "afrr_up" if power_kw >= 0 else "afrr_down"
    signal = _BY_NAME.get(key)
    if signal is None:
        known = ", ".join(Signal)
        raise UnknownSignalError(f"unknown signal {name[:40]!r}: known are {known}")
    if signal is Signal.AFRR_DOWN:
        # A magnitude is meant, so +50 and -50 both ask for 50 kW down.
        return signal, -abs(power_kw)
    if PRODUCTS[signal].sign > 0 and power_kw < 0:
        raise WrongDirectionError(f"{signal} takes a positive power (less consumption or more injection), got {power_kw:g} kW")
    return signal, power_kw
