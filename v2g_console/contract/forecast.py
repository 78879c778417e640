"""What the fleet can probably do in the hours to come."""

import msgspec


class ForecastPoint(msgspec.Struct, frozen=True, array_like=True):
    """The fleet at `utc_ms`: vehicles there, and headroom in kW for a quarter of an hour.

    `p50` is what is reached as often as not, `p90` what is reached nine times out of ten.
    """

    utc_ms: int
    there_p50: float
    there_p90: float
    up_p50_kw: float
    up_p90_kw: float
    down_p50_kw: float
    down_p90_kw: float


class ForecastView(msgspec.Struct, frozen=True, kw_only=True):
    """Now, and the full hours (UTC) of the next day.

    Headroom leaves out inhibited vehicles, those of a dispatch until it ends, and every vehicle after the departure it announced.
    """

    made_ms: int
    engine: str  # prediction.engine of the configuration; with none, who is there now is taken to stay
    vehicles: int
    points: tuple[ForecastPoint, ...] = ()
