"""`v2g-console serve`: the console in a browser."""

from pathlib import Path
from typing import Any, Final

import click

from v2g_console.cli.parameters import COUNT, READABLE_FILE, config_option, examples, socket_option, together

_LEAST_TOKEN_CHARS: Final = 24
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_where_options: Final = together(
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option("--port", type=click.IntRange(1, 65_535), default=8022, show_default=True, help="Port to listen on."),
    click.option("--public-url", default="", metavar="URL", help="Address that visitors use, behind a proxy: https://console.example"),
    click.option("--token-file", type=READABLE_FILE, help="Read the token from this file. Default: a new one each time, printed once."),
    click.option("--visitors", type=COUNT, default=8, show_default=True, help="At most so many at a time."),
)
_look_options: Final = together(
    click.option("--read-write", is_flag=True, help="Visitors may act, as the user that serves. Default: they only look."),
    click.option("--theme", metavar="NAME", help="Colour theme."),
    click.option("--low-bandwidth", is_flag=True, help="At most one refresh a second."),
    click.option("--ascii", "ascii", is_flag=True, help="No box drawing and no arrows."),
)


@click.command(
    "serve", short_help="The console in a browser.", epilog=examples("v2g-console serve", "v2g-console serve --port 8080 --low-bandwidth")
)
@_where_options
@_look_options
@config_option
@socket_option
def command(
    *,
    host: str,
    port: int,
    public_url: str,
    token_file: Path | None,
    visitors: int,
    read_write: bool,
    config_path: Path | None,
    socket_file: Path | None,
    **look: Any,
) -> int:
    """Show the running engine in browsers. Every visitor gets a console of his own; leaving changes nothing at the engine.

    The engine takes all visitors for the user that runs this command: it can't tell them apart, and the record has that user's name.
    So they only look, unless you say --read-write. The page speaks plain HTTP and is served on loopback: from elsewhere use an SSH
    tunnel (ssh -L 8022:127.0.0.1:8022 HOST), or a proxy with TLS and --public-url.

    Needs the extra: pip install 'v2g-console[serve]'
    """
    import asyncio

    from v2g_console.attach.errors import SocketPathError
    from v2g_console.attach.paths import find_console_socket
    from v2g_console.config.load import load_for_client
    from v2g_console.contract.exit_codes import ExitCode

    _check_address(host, public_url)
    token, shown = _token(token_file)
    try:
        from v2g_console.runtime.serving import ServeOptions, attach_options, serve
    except ModuleNotFoundError as error:
        raise click.UsageError("serving needs the extra: pip install 'v2g-console[serve]'") from error
    try:
        socket = socket_file if socket_file is not None else find_console_socket(load_for_client(config_path).socket)
    except SocketPathError as error:
        click.echo(str(error), err=True)
        return ExitCode.NO_LINK
    options = ServeOptions(host, port, token, public_url.rstrip("/"), attach_options(socket, read_write, config_path, look), visitors)

    def listening(address: str) -> None:
        mode = "read and write" if read_write else "read-only"
        click.echo(f"Serving the engine at {socket}, {mode}. Ctrl+C ends it.")
        click.echo(f"{address}/?token={token}" if shown else f"{address}/?token=... (the one in {token_file})")

    try:
        asyncio.run(serve(options, listening))
    except OSError as error:
        click.echo(f"can't listen on {host}:{port}: {error.strerror or error}", err=True)
        return ExitCode.FAILED
    return ExitCode.DONE


def _check_address(host: str, public_url: str) -> None:
    if public_url and not public_url.startswith(("http://", "https://")):
        raise click.UsageError(f"--public-url: expected https://HOST, got {public_url[:80]!r}")
    if host not in _LOOPBACK and not public_url.startswith("https://"):
        raise click.UsageError(
            f"--host {host} would show the console to the network in plain text: put a proxy with TLS before it and say --public-url https://..."
        )


def _token(file: Path | None) -> tuple[str, bool]:
    """The token, and whether it has to be shown."""
    if file is None:
        import secrets

        return secrets.token_urlsafe(32), True
    token = file.read_text("utf-8").strip()
    if len(token) < _LEAST_TOKEN_CHARS or not token.isascii() or not token.isprintable() or " " in token:
        raise click.UsageError(f"--token-file: expected at least {_LEAST_TOKEN_CHARS} letters and digits, such as `openssl rand -hex 24`")
    return token, False
