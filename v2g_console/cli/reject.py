"""`v2g-console reject`: drop a request of somebody else that waits for approval."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command(
    "reject",
    short_help="Drop a request of somebody else that waits for approval.",
    epilog=examples('v2g-console reject a7f3 --reason "too much for this hour"'),
)
@click.argument("approval_id")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the record.")
@engine_options
def command(approval_id: str, reason: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Drop the request that waits as APPROVAL_ID (see `approvals`)."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import Reject

    return ask(
        config_path, socket_file, Reject(approval_id=approval_id, reason=reason), as_json, lambda _reply: [f"rejected {approval_id}"]
    )
