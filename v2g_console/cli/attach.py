"""`v2g-console attach`: the console over an engine that runs already."""

from pathlib import Path
from typing import Any

import click

from v2g_console.cli.parameters import config_option, examples, look_options, socket_option


@click.command(
    "attach",
    short_help="The console over an engine that runs already.",
    epilog=examples("v2g-console attach", "v2g-console attach --read-only --low-bandwidth", "v2g-console attach --all"),
)
@config_option
@socket_option
@click.option(
    "--site",
    "sites",
    multiple=True,
    metavar="NAME=SOCKET",
    help="An engine of several in one console; give it for each. NAME alone: one of console.sites. Default: all of console.sites.",
)
@click.option("--all", "all_here", is_flag=True, help="Every engine that runs here, and those of console.sites.")
@look_options
def command(config_path: Path | None, socket_file: Path | None, sites: tuple[str, ...], all_here: bool, **look: Any) -> int:
    """Draw the running engine in this terminal. Leaving changes nothing there; if the engine ends, the console waits until it is back.

    Several engines, each with its own broker, fit in one console: --site paris=/run/v2g-console/paris.sock --site lyon=... or --all.
    One that hangs or is gone never holds up the others.
    """
    if sum((socket_file is not None, bool(sites), all_here)) > 1:
        raise click.UsageError("--socket, --site and --all: use one of them")
    from v2g_console.attach.errors import SocketPathError
    from v2g_console.attach.paths import find_console_socket
    from v2g_console.config.load import load_for_client
    from v2g_console.contract.exit_codes import ExitCode
    from v2g_console.contract.options import RunOptions
    from v2g_console.runtime.attach import attach
    from v2g_console.runtime.run import with_options
    from v2g_console.runtime.sites import SiteChoiceError, attach_sites, chosen_sites, running_sites

    options = RunOptions(**look)
    settings = with_options(load_for_client(config_path), options)
    try:
        several = () if socket_file is not None else running_sites(settings) if all_here else chosen_sites(settings.console.sites, sites)
    except SiteChoiceError as error:
        raise click.UsageError(str(error)) from None
    if len(several) > 1:
        return attach_sites(settings, several, options)
    if several:
        socket_file = several[0].socket
    elif all_here:
        click.echo("no engine is running here: start one with `v2g-console run`, or name its socket with --site", err=True)
        return ExitCode.NO_LINK
    try:
        path = socket_file if socket_file is not None else find_console_socket(settings.socket)
    except SocketPathError as error:
        click.echo(str(error), err=True)
        return ExitCode.NO_LINK
    return attach(settings, path, options)
