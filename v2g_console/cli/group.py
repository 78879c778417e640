"""The commands by name. A module is imported when its command is run or listed."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

PROGRAM: Final = "v2g-console"
_DEFAULT: Final = "run"
_OWN_OPTIONS: Final = frozenset({"-h", "--help", "--version"})
_MODULES: Final = {
    "run": "run",
    "demo": "demo",
    "attach": "attach",
    "serve": "serve",
    "replay": "replay",
    "simulate": "simulate",
    "dispatch": "dispatch",
    "update": "update",
    "cancel": "cancel",
    "stop": "stop",
    "resume": "resume",
    "approvals": "approvals",
    "approve": "approve",
    "reject": "reject",
    "status": "status",
    "fleet": "fleet",
    "tag": "tag",
    "alarms": "alarms",
    "note": "note",
    "handover": "handover",
    "forecast": "forecast",
    "ecowatt": "ecowatt",
    "journal": "journal",
    "themes": "themes",
    "keys": "keys",
    "config": "config",
}


class CommandsByModule(click.Group):
    """A group whose commands live in modules of this package, each with a `command`. Without a command name `run` is meant."""

    def __init__(self, modules: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, the most used first."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in self._modules:
            return None
        command = import_module(f"v2g_console.cli.{self._modules[cmd_name]}").command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`v2g-console -c FILE --no-ui` is `v2g-console run -c FILE --no-ui`."""
        if not args or (args[0].startswith("-") and args[0] not in _OWN_OPTIONS):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest name in the error."""
        if args[0] not in self._modules:
            import difflib

            near = difflib.get_close_matches(args[0], self._modules, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(self._modules)}"
            ctx.fail(f"no such command {args[0][:40]!r}, {hint}")
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from v2g_console.version import program_version

        click.echo(f"{PROGRAM} {program_version()}")
        ctx.exit()


root: Final = CommandsByModule(
    _MODULES,
    name=PROGRAM,
    help="Operator console and dispatch engine for vehicle-to-grid over MQTT. Without a command: run.",
    epilog="\b\nBegin with:\n  v2g-console demo          nothing to configure, nothing to break\n"
    "  v2g-console COMMAND -h    one command, with an example\n"
    "Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration,\n"
    "3 no link or no engine, 4 too little acknowledged, 5 refused, 130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    params=[
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version and exit."
        )
    ],
)
