"""Which acknowledgements tell how a dispatch stands: those of its commands, those of its release, or that nobody is left."""

from typing import Final

from v2g_console.console.model import is_active
from v2g_console.contract.snapshot import AckProgress, DispatchView
from v2g_console.domain.states import DispatchState

NOBODY_LEFT: Final = "nothing left under this dispatch: update or cancel it"


def shows_release(view: DispatchView) -> bool:
    """True once its vehicles are being sent back: from then on that is what an operator waits for, also after its end."""
    return bool(view.release.commanded) and (view.state is DispatchState.RELEASING or not is_active(view))


def shown_progress(view: DispatchView) -> AckProgress:
    """The one of both that counts now."""
    return view.release if shows_release(view) else view.progress


def nobody_left(view: DispatchView) -> bool:
    """True if it runs, but no vehicle follows it or may still come to follow it: all refused, silent, or taken out of it."""
    progress = view.progress
    open_ = progress.acked + progress.limited + progress.pending + progress.queued
    return view.state is DispatchState.ACTIVE and progress.commanded > 0 and not open_
