"""`replay`: the console over a recording."""

from dataclasses import replace
from pathlib import Path

from v2g_console.attach.playback import Recording
from v2g_console.attach.recording import RecordingError
from v2g_console.config.settings import Settings
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.replay import ReplayPort
from v2g_console.console.replay_seek import seek_ms
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.domain.text import visible
from v2g_console.runtime.screen import no_terminal, prepare_screen, say, show


def replay(settings: Settings, path: Path, speed: float, seek: str | None) -> int:
    """Play the recording at `path` from `seek` (see `replay_seek`) until the operator leaves; returns the exit code."""
    refused = no_terminal()
    if refused:
        say(f"{refused}")
        return ExitCode.USAGE
    try:
        recording = Recording(path)
    except RecordingError as error:
        say(visible(str(error)))
        return ExitCode.FAILED
    try:
        start_ms = 0.0 if seek is None else seek_ms(seek, recording.header.started_ms)
    except ValueError as error:
        say(f"--seek: {visible(str(error))}")
        recording.close()
        return ExitCode.USAGE
    log_file = prepare_screen(settings, "replay.log")
    port = ReplayPort(recording, speed)
    port.seek(start_ms)
    held, _ = show(port, replace(ConsoleOptions.from_settings(settings.console), leave_message=_left(recording)), log_file)
    port.close()
    return ExitCode.DONE if held else ExitCode.FAILED


def _left(recording: Recording) -> str:
    """What is said after the screen is gone, known before it: whether the file is whole."""
    told = f"Replayed {visible(str(recording.path))}, recorded by version {visible(recording.header.version[:40])}."
    return f"{told} The file: {visible(recording.damage)}." if recording.damage else told
