"""`v2g-console themes`: ls, check."""

from pathlib import Path

import click

from v2g_console.cli.parameters import examples
from v2g_console.contract.exit_codes import ExitCode


@click.group("themes", short_help="Colour themes: ls, check.")
def command() -> None:
    """Colour themes. A file in your own folder is taken up by running consoles as soon as it is saved."""


@command.command(
    "ls", short_help="The themes that can be used, and what is wrong with the others.", epilog=examples("v2g-console themes ls")
)
def list_themes() -> int:
    """List the themes by name with their files, and the folders that are searched; your own folder comes last and wins."""
    from v2g_console.cli.plain_text import columns
    from v2g_console.console import themes
    from v2g_console.console.theme_file import ThemeError, read_theme

    rows = [("NAME", "KIND", "FILE")]
    wrong: list[str] = []
    for path in (path for folder in themes.theme_folders() for path in sorted(folder.glob("*.yaml"))):
        try:
            theme = read_theme(path)
        except ThemeError as error:
            wrong += error.problems
        else:
            rows.append((theme.name, "dark" if theme.dark else "light", str(path)))
    click.echo("\n".join(columns(rows)))
    click.echo(f"your own go to {themes.theme_folders()[-1]}; start from a copy of one of these")
    for problem in wrong:
        click.echo(problem, err=True)
    return ExitCode.DONE


@command.command(
    "check", short_help="Say everything that is wrong with a theme file.", epilog=examples("v2g-console themes check mine.yaml")
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def check(file: Path) -> int:
    """Say everything that is wrong with a theme file: keys, colours, and text that nobody could read."""
    from v2g_console.console.theme_file import ThemeError, read_theme

    try:
        theme = read_theme(file)
    except ThemeError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        return ExitCode.USAGE
    click.echo(f"{file}: ok, use it with --theme {theme.name}")
    return ExitCode.DONE
