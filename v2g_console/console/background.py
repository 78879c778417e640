"""Work beside the message loop: the one place that starts it."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVarTuple

from textual.dom import DOMNode
from textual.widget import Widget
from textual.worker import Worker

Args = TypeVarTuple("Args")


def start_work(
    owner: DOMNode, group: str, work: Callable[[*Args], Coroutine[Any, Any, None]], *args: *Args, exclusive: bool = False
) -> Worker[None]:
    """Begin `work(*args)` as a worker that ends with `owner`; `exclusive` ends those of the same group before it.

    Takes the function, not its coroutine: a worker that is ended before its first step would leave that un-awaited, with a warning.
    """
    worker: Worker[None] = owner.run_worker(partial(work, *args), group=group, exclusive=exclusive)
    return worker


def still_there(owner: Widget) -> bool:
    """False once a screen is being left: it loses its parts one by one, and an answer that comes then has nowhere to be shown."""
    return owner.is_attached and owner.display
