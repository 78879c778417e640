"""`v2g-console attach`: the console over an engine that runs already."""

from pathlib import Path
from typing import Any

import click

from v2g_console.cli.parameters import config_option, look_options, socket_option


@click.command("attach", short_help="The console over an engine that runs already.")
@config_option
@socket_option
@look_options
def command(config_path: Path | None, socket_file: Path | None, **look: Any) -> int:
    """Draw the running engine in this terminal. Leaving changes nothing there; if the engine ends, the console waits until it is back."""
    from v2g_console.attach.errors import SocketPathError
    from v2g_console.attach.paths import find_console_socket
    from v2g_console.config.load import load_for_client
    from v2g_console.contract.exit_codes import ExitCode
    from v2g_console.contract.options import RunOptions
    from v2g_console.runtime.attach import attach
    from v2g_console.runtime.run import with_options

    options = RunOptions(**look)
    settings = with_options(load_for_client(config_path), options)
    try:
        path = socket_file if socket_file is not None else find_console_socket(settings.socket)
    except SocketPathError as error:
        click.echo(str(error), err=True)
        return ExitCode.NO_LINK
    return attach(settings, path, options)
