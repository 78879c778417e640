"""The screen, and where an engine listens for it: sections `console` and `socket`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from v2g_console.config.section import OR_EMPTY, Section


class KeySettings(Section):
    """Other keys for one action."""

    action: Annotated[str, Field(min_length=1, max_length=64)]
    """such as dispatch.compose; `v2g-console keys ls` names those there are"""
    keys: tuple[str, ...] = ()
    """such as D, f6, ctrl+n or alt+d; none: the action keeps its place in the palette only"""


class ConsoleSiteSettings(Section):
    """One engine of several that `attach` shows in one console."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    """what the console calls it, such as paris"""
    socket: Path
    """where that engine listens: its socket.path"""


class ConsoleSettings(Section):
    """The screen."""

    name: str = "v2g"
    """shown on every screen: the control point"""
    theme: str = "grey-dark"
    """name of a theme file"""
    refresh_hz: Annotated[float, Field(ge=1.0, le=4.0)] = 2.0
    """how often the screen takes a new picture; a lost link must show within a second"""
    timezone: str = "UTC"
    """added to UTC on schedules, such as Europe/Paris"""
    read_only: bool = False
    """look, but send nothing"""
    low_bandwidth: bool = False
    """at most one refresh a second, 16 colours, no animation"""
    ascii: bool = False
    """no box drawing and no arrows"""
    send_delay_s: Annotated[float, Field(ge=0.0, le=5.0)] = 0.0
    """a dispatch that was sent waits this long, counted down, and Esc calls it back; 0: it goes out at once"""
    keys: Annotated[tuple[KeySettings, ...], OR_EMPTY] = ()
    """keys that are not the built-in ones; `v2g-console keys check` finds clashes"""
    sites: Annotated[tuple[ConsoleSiteSettings, ...], OR_EMPTY] = ()
    """engines that `attach` shows together in one console; none: the engine of `socket` alone"""


class SocketSettings(Section):
    """Where a running engine listens for `attach`, `dispatch`, `stop`, `status` and `fleet`."""

    enabled: bool = True
    """whether to listen at all"""
    path: Path | None = None
    """default: v2g-console.sock in /run/v2g-console/ if writable, else in the run-time folder of the user"""
