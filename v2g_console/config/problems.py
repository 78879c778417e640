"""What is wrong with a configuration, in words that name the place, the key, what was expected and what was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from v2g_console.config.origin import Origin

_SHOWN_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `key` is the dotted key path, "" where the file as a whole is meant."""

    origin: Origin
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.origin} {self.key}: {self.message}" if self.key else f"{self.origin}: {self.message}"


class ConfigError(Exception):
    """The configuration can't be used. `problems` holds every one that was found, in the order of the file; `str()` is one a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:_SHOWN_PROBLEMS]]
        if len(self.problems) > _SHOWN_PROBLEMS:
            lines.append(f"and {len(self.problems) - _SHOWN_PROBLEMS} more")
        super().__init__("\n".join(lines))


class ConfigMissingError(Exception):
    """No configuration file was found. `looked_in` lists where."""

    def __init__(self, looked_in: Iterable[Path]) -> None:
        self.looked_in = tuple(looked_in)
        super().__init__(
            f"no configuration (looked for {', '.join(map(str, self.looked_in))}): `v2g-console demo` shows it all without one\n"
            "and `v2g-console config init` writes a config.yaml to start from"
        )
