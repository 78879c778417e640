"""`v2g-console run`: engine and console, or the engine alone."""

from pathlib import Path
from typing import Any

import click

from v2g_console.cli.parameters import config_option, examples, screen_options


@click.command(
    "run",
    short_help="Engine and console (--no-ui: the engine alone). The default.",
    epilog=examples("v2g-console run", "v2g-console run --no-ui -c /etc/v2g-console/config.yaml"),
)
@config_option
@screen_options
def command(config_path: Path | None, **screen: Any) -> int:
    """Run the engine with its console; with --no-ui the engine alone, until a signal or until the requests of --commands are done."""
    from v2g_console.config.load import load
    from v2g_console.contract.options import RunOptions
    from v2g_console.runtime.run import run

    return run(load(config_path), RunOptions(**screen))
