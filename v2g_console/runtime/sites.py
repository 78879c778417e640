"""Which engines one console is to show together: as written, as configured, or all that run here; and the console over them."""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from v2g_console.attach.client import SocketClient
from v2g_console.attach.errors import EngineNotRunningError, SocketDeniedError, SocketPathError
from v2g_console.attach.paths import sockets_here
from v2g_console.attach.reattaching import ReattachingPort
from v2g_console.attach.timed import TimedPort
from v2g_console.attach.viewing import ViewingPort
from v2g_console.config.console_site_checks import LONGEST_NAME, console_site_contradictions
from v2g_console.config.os_users import own_user
from v2g_console.config.settings import ConsoleSiteSettings, Settings
from v2g_console.console.options import ConsoleOptions
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.options import RunOptions
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted, StatusView
from v2g_console.contract.requests import Origin, Status
from v2g_console.domain.text import visible
from v2g_console.runtime.screen import drawn, ignore_ending_signals, log, prepare_screen, refuses_to_draw, say

Sites = tuple[ConsoleSiteSettings, ...]
TOLD_WITHIN_S: Final = 6.0
"""How long to wait for an engine's name: its greeting may take 5 s."""


class SiteChoiceError(ValueError):
    """The sites that were asked for can't be shown together; the message says why and what to do."""


def chosen_sites(configured: Sequence[ConsoleSiteSettings], written: Sequence[str]) -> Sites:
    """The sites of `--site NAME=SOCKET`, or `--site NAME` for a configured one; without any all configured ones.

    Raises SiteChoiceError.
    """
    sites = tuple(_written_site(text, configured) for text in written) if written else tuple(configured)
    for finding in console_site_contradictions(sites):
        where = "--site" if written else finding.key
        raise SiteChoiceError(f"{where}: {finding.message}")
    return sites


def _written_site(text: str, configured: Sequence[ConsoleSiteSettings]) -> ConsoleSiteSettings:
    name, equals, socket = text.partition("=")
    if equals and socket:
        return ConsoleSiteSettings.model_construct(name=name, socket=Path(socket).expanduser().absolute())
    known = next((site for site in configured if site.name == name), None)
    if known is None or equals:
        names = ", ".join(site.name for site in configured) or "none"
        raise SiteChoiceError(f"--site: expected NAME=SOCKET, or a name of console.sites ({visible(names)}), got {visible(text[:80])!r}")
    return known


def running_sites(settings: Settings) -> Sites:
    """Every engine that listens at a usual place of this user or system, or at a configured one, by name.

    One that hangs is among them, one that this user may not talk to is said and left out.
    """
    configured = {site.socket: site.name for site in settings.console.sites}
    places = list(dict.fromkeys((*configured, *sockets_here(settings.socket))))
    told = asyncio.run(_all_told(places))
    taken: set[str] = set()
    sites = []
    for path, name in sorted(zip(places, told, strict=True), key=lambda found: (found[1] or "", found[0])):
        if name is not None:
            own = _own_name(configured.get(path, name), taken)
            taken.add(own.casefold())
            sites.append(ConsoleSiteSettings.model_construct(name=own, socket=path))
    return tuple(sites)


def _own_name(wanted: str, taken: set[str]) -> str:
    """`wanted` made fit to be a site's name; numbered if it is taken."""
    base = visible(wanted[:LONGEST_NAME]).replace("=", "-").strip()[: LONGEST_NAME - 4].strip() or "site"
    return next(
        name for number in range(1, len(taken) + 2) if (name := base if number == 1 else f"{base}-{number}").casefold() not in taken
    )


async def _all_told(places: Sequence[Path]) -> list[str | None]:
    return await asyncio.gather(*map(_told_name, places))


async def _told_name(path: Path) -> str | None:
    """What the engine at `path` is called, its file's name if it doesn't say; None if there is none."""
    try:
        async with asyncio.timeout(TOLD_WITHIN_S), SocketClient(path) as engine:
            reply = await engine.request(Status(), Origin(user="", way="cli"))
    except (EngineNotRunningError, SocketPathError):
        return None
    except SocketDeniedError as error:
        say(visible(str(error)))
        return None
    except OSError as error:  # it hangs, or is of another version: the operator must see that
        log.warning("%s: %s", path, error)
        return path.stem
    status = reply.result if isinstance(reply, Accepted) else None
    return path.stem if not isinstance(status, StatusView) or status.engine.demo else status.engine.name


def attach_sites(settings: Settings, sites: Sites, run_options: RunOptions) -> int:
    """Draw the engines of `sites`, at least two, until the operator leaves; they go on. Returns the exit code.

    It is enough if one of them answers: the others are shown as gone, and attached to when they are there.
    """
    if run_options.plain or run_options.record is not None:
        which = "--plain" if run_options.plain else "--record"
        say(f"{which} is for one engine: name it with --socket, such as --socket {visible(str(sites[0].socket))}")
        return ExitCode.USAGE
    refused = refuses_to_draw(run_options)
    if refused:
        say(f"{refused}: v2g-console status --socket FILE tells the same of one engine in words")
        return ExitCode.USAGE
    troubles = asyncio.run(_troubles_unless_one_answers([site.socket for site in sites]))
    if troubles:
        for trouble in troubles:
            say(visible(trouble))
        return ExitCode.NO_LINK
    log_file = prepare_screen(settings, "attach.log")
    log.info("attaching to %s", ", ".join(f"{site.name} at {site.socket}" for site in sites))
    options = replace(ConsoleOptions.from_settings(settings.console), attached=str(sites[0].socket))
    come_back = " ".join(["v2g-console attach", *(f"--site {shlex.quote(f'{site.name}={site.socket}')}" for site in sites)])

    from v2g_console.console.sites import SiteWay
    from v2g_console.console.sites_app import run_sites

    ways = [SiteWay(site.name, _port(site.socket, settings.console.read_only)) for site in sites]
    held, _ = drawn(lambda switch: run_sites(ways, Origin(user=own_user(), way="console"), options, come_back, switch), log_file)
    if not held:
        say("the engines run on")
    ignore_ending_signals()
    return ExitCode.DONE if held else ExitCode.FAILED


def _port(path: Path, read_only: bool) -> EnginePort:
    engine = TimedPort(ReattachingPort(path))
    return ViewingPort(engine) if read_only else engine


async def _troubles_unless_one_answers(paths: Sequence[Path]) -> list[str]:
    """[] as soon as one engine has greeted; else what is wrong with each."""
    asked = [asyncio.ensure_future(_greeted(path)) for path in paths]
    troubles = []
    try:
        for next_answer in asyncio.as_completed(asked):
            trouble = await next_answer
            if not trouble:
                return []
            troubles.append(trouble)
    finally:
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    return troubles


async def _greeted(path: Path) -> str:
    try:
        async with SocketClient(path):
            return ""
    except ConnectionError as error:
        return str(error)
