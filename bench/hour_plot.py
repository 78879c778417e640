"""The picture of a simulated hour, written as plain SVG: the whole hour above, near the target; its first minute below, from zero."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from bench.hour_model import HourResult

WIDTH, HEIGHT = 960, 640
LEFT, RIGHT = 74, 20
TOLERANCE = 0.05
_COLOURS = {"target": "#6b6b6b", "true": "#00703c", "believed": "#d4351c", "acknowledged": "#1d70b8"}
_DASHES = {"target": "7 4", "acknowledged": "2 3", "believed": "", "true": ""}
_WIDTHS = {"true": 3.2, "believed": 1.3, "target": 1.3, "acknowledged": 1.5}
_NAMES = {
    "target": "target (band: ±5 %)",
    "true": "true, as the vehicles really behave",
    "believed": "believed by the engine",
    "acknowledged": "acknowledged",
}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: where it is in the picture, and what part of the plane it shows (s, kW)."""

    top: float
    height: float
    from_s: float
    to_s: float
    low_kw: float
    high_kw: float

    def x(self, seconds: float) -> float:
        """Horizontal position."""
        return LEFT + (seconds - self.from_s) / (self.to_s - self.from_s) * (WIDTH - LEFT - RIGHT)

    def y(self, kw: float) -> float:
        """Vertical position."""
        return self.top + (self.high_kw - kw) / (self.high_kw - self.low_kw) * self.height


def picture(result: HourResult) -> str:
    """The SVG text."""
    options, target_kw = result.options, result.options.target_kw
    curves = _curves(result)
    reach = abs(target_kw) * 1.15
    low_kw, high_kw = (0.0, reach) if target_kw > 0 else (-reach, 0.0)
    minutes = max(1.0, options.duration_s / 60.0)
    near_kw, far_kw = sorted((target_kw * 0.85, target_kw * 1.1))
    whole = Panel(92, 225, 0.0, options.duration_s, near_kw, far_kw)
    first = Panel(392, 190, 0.0, min(60.0, options.duration_s), low_kw, high_kw)
    title = f"{target_kw:+g} kW from {options.vehicles} simulated vehicles"
    vices = f"{result.deaf} deaf, {result.mute} obey but are mute, {result.refusing} refuse, {result.left} drive away unannounced"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}: target, true, believed and acknowledged power over time</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="17" font-weight="bold">{escape(title)}</text>',
        f'<text x="{LEFT}" y="44" fill="#444444">{escape(vices)}</text>',
        *_legend(),
        *_panel(whole, curves, target_kw, _steps(0.0, minutes, 10.0), 60.0, "minutes since the start"),
        *_panel(first, curves, target_kw, _steps(0.0, first.to_s, 5.0), 1.0, "seconds since the start"),
        *_marks(first),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _curves(result: HourResult) -> dict[str, Points]:
    def column(value: Callable[[int], float]) -> Points:
        return [(one.at_s, value(number)) for number, one in enumerate(result.samples)]

    samples = result.samples
    return {
        "acknowledged": column(lambda n: samples[n].acknowledged_kw),
        "target": column(lambda n: samples[n].target_kw),
        "true": column(lambda n: samples[n].true_kw),
        "believed": column(lambda n: samples[n].believed_kw),
    }


def _legend() -> list[str]:
    parts, x = [], float(LEFT)
    for kind in ("target", "true", "believed", "acknowledged"):
        parts.append(f'<line x1="{x:g}" y1="66" x2="{x + 28:g}" y2="66" {_stroke(kind)}/>')
        parts.append(f'<text x="{x + 34:g}" y="70">{_NAMES[kind]}</text>')
        x += 34 + 7.2 * len(_NAMES[kind]) + 16
    return parts


def _stroke(kind: str) -> str:
    dash = f' stroke-dasharray="{_DASHES[kind]}"' if _DASHES[kind] else ""
    return f'fill="none" stroke="{_COLOURS[kind]}" stroke-width="{_WIDTHS[kind]}"{dash}'


def _panel(panel: Panel, curves: dict[str, Points], target_kw: float, ticks: list[float], tick_s: float, label: str) -> list[str]:
    bottom, right = panel.top + panel.height, WIDTH - RIGHT
    edge = sorted((panel.y(target_kw * (1 - TOLERANCE)), panel.y(target_kw * (1 + TOLERANCE))))
    parts = [
        f'<rect x="{LEFT}" y="{edge[0]:.1f}" width="{right - LEFT}" height="{edge[1] - edge[0]:.1f}" fill="#e8e8e8"/>',
    ]
    for kw in _steps(panel.low_kw, panel.high_kw, _nice(panel.high_kw - panel.low_kw)):
        y = panel.y(kw)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#d0d0d0"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{kw:g}</text>')
    for tick in ticks:
        x = panel.x(tick * tick_s)
        parts.append(f'<line x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 5}" stroke="#444444"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 19}" text-anchor="middle">{tick:g}</text>')
    middle = panel.top + panel.height / 2
    parts.append(f'<text x="{(LEFT + right) / 2:g}" y="{bottom + 38:g}" text-anchor="middle">{label}</text>')
    parts.append(f'<text transform="translate(18 {middle:g}) rotate(-90)" text-anchor="middle">regulation, kW (+ up, − down)</text>')
    parts.extend(f'<polyline points="{_points(panel, points)}" {_stroke(kind)}/>' for kind, points in curves.items())
    parts.append(f'<rect x="{LEFT}" y="{panel.top}" width="{right - LEFT}" height="{panel.height}" fill="none" stroke="#444444"/>')
    return parts


def _marks(panel: Panel) -> list[str]:
    """Where the ack timeouts are."""
    parts = []
    for seconds, text in ((5.0, "ack timeout"), (10.0, "two ack timeouts")):
        x = panel.x(seconds)
        parts.append(f'<line x1="{x:.1f}" y1="{panel.top}" x2="{x:.1f}" y2="{panel.top + panel.height}" stroke="#999999"/>')
        lower, row = panel.high_kw > 0, 1 if seconds < 10 else 0  # where no curve is
        across = panel.top + panel.height - 8 - 16 * row if lower else panel.top + 14 + 16 * row
        parts.append(f'<text x="{x + 4:.1f}" y="{across:.1f}" font-size="11" fill="#444444">{text}</text>')
    return parts


def _points(panel: Panel, points: Points) -> str:
    """The corners of a curve; what lies on a straight line between its neighbours in kW is left out."""
    shown = [point for point in points if panel.from_s <= point[0] <= panel.to_s]
    kept = [
        point
        for number, point in enumerate(shown)
        if number in (0, len(shown) - 1) or abs(point[1] - shown[number - 1][1]) > 1e-3 or abs(point[1] - shown[number + 1][1]) > 1e-3
    ]
    clipped = ((seconds, min(max(kw, panel.low_kw), panel.high_kw)) for seconds, kw in kept)
    return " ".join(f"{panel.x(seconds):.1f},{panel.y(kw):.1f}" for seconds, kw in clipped)


def _steps(low: float, high: float, step: float) -> list[float]:
    first = -(-low // step) * step
    return [first + number * step + 0.0 for number in range(int((high - first) / step + 1e-9) + 1)]


def _nice(span: float) -> float:
    """A round distance of about a fifth of `span`."""
    unit = 10.0 ** len(str(int(span / 5))) / 10.0
    return next(unit * factor for factor in (1.0, 2.0, 5.0, 10.0) if unit * factor >= span / 6)
