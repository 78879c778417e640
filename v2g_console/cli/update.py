"""`v2g-console update`: a new target for a dispatch under way."""

from pathlib import Path

import click

from v2g_console.cli.parameters import KILOWATTS, engine_options, examples


@click.command("update", short_help="Give a dispatch under way a new target.", epilog=examples("v2g-console update 7f3a --power-kw -200"))
@click.argument("dispatch_id")
@click.option(
    "--power-kw", type=KILOWATTS, required=True, help="The new target, with its sign: positive is up; 0 keeps its vehicles at rest."
)
@engine_options
def command(*, dispatch_id: str, power_kw: float, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Change the target of an active dispatch; its end stays. DISPATCH_ID may be its beginning, such as 7f3a."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.replies import Accepted
    from v2g_console.contract.requests import Update
    from v2g_console.contract.snapshot import DispatchView
    from v2g_console.domain.units import regulation_text

    def lines(reply: Accepted) -> list[str]:
        view = reply.result
        if not isinstance(view, DispatchView):
            return ["updated"]
        return [
            f"{view.short_id} {view.signal}: target {regulation_text(view.requested_kw)}, asked of its vehicles"
            f" {regulation_text(view.allocated_kw)}, acknowledged {regulation_text(view.acknowledged_kw)}"
        ]

    return ask(config_path, socket_file, Update(dispatch_id=dispatch_id, power_kw=power_kw), as_json, lines)
