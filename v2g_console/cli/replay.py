"""`v2g-console replay`: the console over a recording."""

from pathlib import Path
from typing import Any

import click

from v2g_console.cli.parameters import READABLE_FILE, Number, config_option, drawing_options, examples


@click.command(
    "replay",
    short_help="The console over a recording made with --record.",
    epilog=examples("v2g-console replay shift.rec --seek 14:02 --speed 4"),
)
@click.argument("file", type=READABLE_FILE)
@click.option("--speed", type=Number("factor", 0.1, 1000.0), default=1.0, show_default=True, help="How many times faster than it was.")
@click.option(
    "--seek",
    metavar="TIME",
    help="Where to begin: 90s or 1h30m after the start, 14:02 or 14:02:07 (UTC), or 2026-11-23T14:02:07Z.",
)
@config_option
@drawing_options
def command(file: Path, speed: float, seek: str | None, config_path: Path | None, **drawing: Any) -> int:
    """Play FILE: the same screens, read-only, for training and for looking into an incident.

    p pauses, + and - change the speed, comma and full stop go 10 s back and on, < and > a minute, n goes to the next event and Ctrl+N to
    the next alarm. A damaged file plays up to the damage.
    """
    from v2g_console.config.load import load_for_client
    from v2g_console.contract.options import RunOptions
    from v2g_console.runtime.replay import replay
    from v2g_console.runtime.run import with_options

    return replay(with_options(load_for_client(config_path), RunOptions(**drawing)), file, speed, seek)
