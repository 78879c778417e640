"""From arguments to an exit code: every way a command can end badly becomes one clear line on standard error."""

import io
import os
import sys
from collections.abc import Sequence

import click

from v2g_console.cli.group import PROGRAM, root
from v2g_console.contract.exit_codes import ExitCode


def exit_code(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name. Never raises for what a user or the surroundings can cause."""
    # Latin-1 terminals must not turn an arrow into a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_output()
        return ExitCode.FAILED
    return code


def _run(arguments: Sequence[str]) -> int:
    from v2g_console.config.problems import ConfigError, ConfigMissingError

    try:
        result = root.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else PROGRAM
        click.echo(f"{path}: {' '.join(error.format_message().split()).removesuffix('.')} (see {path} --help)", err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        click.echo(f"{PROGRAM}: {error.format_message()}", err=True)
        return ExitCode.FAILED
    except (ConfigError, ConfigMissingError) as error:
        click.echo(str(error), err=True)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    return result if isinstance(result, int) else ExitCode.DONE


def _close_output() -> None:
    """Nobody reads any more: let Python's last flush go nowhere instead of complaining."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return  # no real standard output, so there is nothing to flush
