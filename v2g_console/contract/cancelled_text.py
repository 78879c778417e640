"""What came of a cancellation, in words; the same for lines and the command line."""

from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.units import counted


def cancelled_words(view: DispatchView) -> str:
    """What follows `#7f3a FCR`: of a dispatch that had not begun that nothing was sent, else how many vehicles are being released."""
    if not view.vehicles:
        return "cancelled: nothing was sent yet, so there is nothing to release"
    return f"cancelled: {counted(view.vehicles, 'vehicle is', 'vehicles are')} being released"
