"""Where a value comes from, so that an error or `config show` can point at it."""

from dataclasses import dataclass
from enum import Enum, auto


class OriginKind(Enum):
    """The kinds of place a value can come from."""

    FILE = auto()
    ENVIRONMENT = auto()
    DEFAULT = auto()
    SECRET_FILE = auto()
    IMPLIED = auto()
    """follows from another key, whose path is the name"""


@dataclass(frozen=True, slots=True)
class Origin:
    """One place: `name` is a file as the user wrote it, a variable or a key path; `line` counts from 1 and is 0 where there is none."""

    kind: OriginKind
    name: str = ""
    line: int = 0

    def __str__(self) -> str:
        match self.kind:
            case OriginKind.FILE:
                return f"{self.name}:{self.line}" if self.line else self.name
            case OriginKind.ENVIRONMENT:
                return f"environment {self.name}"
            case OriginKind.DEFAULT:
                return "default"
            case OriginKind.SECRET_FILE:
                return f"secret file {self.name}"
            case OriginKind.IMPLIED:
                return f"implied by {self.name}"


DEFAULT = Origin(OriginKind.DEFAULT)


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, before its type is known: text, a list of texts, or None for an empty one."""

    value: str | tuple[str, ...] | None
    origin: Origin
