"""What the operator made of the fleet's list: filter, order, columns, marks. Outlives the screen, so that coming back finds it again."""

from dataclasses import dataclass, field

from v2g_console.console.marks import Marks
from v2g_console.console.widgets.fleet_index import Order, SortKey


@dataclass(slots=True)
class FleetView:
    """`columns`: those to draw, in order; () leaves the choice to the width. `wanted_filter`: what another screen wants written there."""

    filter_text: str = ""
    order: Order = field(default_factory=Order)
    columns: tuple[SortKey, ...] = ()
    marks: Marks = field(default_factory=Marks)
    wanted_filter: str = ""
