"""`v2g-console approve`: let a request of somebody else go ahead."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command("approve", short_help="Let a request of somebody else go ahead.", epilog=examples("v2g-console approve a7f3"))
@click.argument("approval_id")
@click.option("--revision", type=click.IntRange(min=1), help="Only if it still has this revision. Default: as it is now, shown first.")
@engine_options
def command(approval_id: str, revision: int | None, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Approve the request that waits as APPROVAL_ID (see `approvals`). It is refused if what it would do changed meanwhile."""
    from v2g_console.cli.approve_talk import approve

    return approve(config_path, socket_file, approval_id, revision, as_json=as_json)
