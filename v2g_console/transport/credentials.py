"""What we show the broker, password and TLS context, read from their files together; and how to tell that a file has changed."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from v2g_console.config.redact import learn_secret
from v2g_console.config.settings import MqttSettings
from v2g_console.transport.connect_options import BrokerAddress, checked_address, read_password
from v2g_console.transport.tls import TlsSetup, build_tls


class FileMark(NamedTuple):
    """What changes when a file is written, replaced (also through a symbolic link) or closed to us; zeros for one that is not there."""

    device: int = 0
    inode: int = 0
    mode: int = 0
    size: int = 0
    changed_ns: int = 0


Marks = tuple[FileMark, ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """One consistent reading of all files. Never shown: holds the password."""

    password: str | None
    tls: TlsSetup | None
    marks: Marks

    def __repr__(self) -> str:
        return "Credentials(...)"

    def expired(self, now_s: float) -> bool:
        """True once our own certificate is past its end. `now_s` in UTC seconds."""
        days = self.tls.days_left(now_s) if self.tls else None
        return days is not None and days <= 0


def credential_files(settings: MqttSettings) -> tuple[Path, ...]:
    """The files that the connection rests on."""
    named = (
        settings.client_cert,
        settings.client_key,
        settings.client_key_password_file,
        settings.ca_bundle,
        settings.password_file,
    )
    return tuple(path for path in named if path is not None and not path.is_fifo())


def file_marks(settings: MqttSettings) -> Marks:
    """The present marks of all files, in their order. Blocks for a moment."""
    return tuple(_mark(path) for path in credential_files(settings))


def read_credentials(settings: MqttSettings, address: BrokerAddress, now_s: float) -> Credentials:
    """Read and check everything. Blocks for some milliseconds. Raises `TransportConfigError` with what to do."""
    marks = file_marks(settings)  # before reading: a file that changes meanwhile is looked at again
    password = read_password(settings)
    learn_secret(password)
    return Credentials(password, build_tls(settings, now_s) if address.tls else None, marks)


def credential_warnings(settings: MqttSettings) -> tuple[str, ...]:
    """What is wrong with the files but does not keep them from being used now. Raises `TransportConfigError` for what does."""
    now_s = time.time()
    tls = read_credentials(settings, checked_address(settings), now_s).tls
    if tls is None:
        return ()
    days = tls.days_left(now_s)
    if days is None or days >= settings.certificate_warn_days:
        return tls.warnings
    return (*tls.warnings, f"mqtt.client_cert: {settings.client_cert} expires in {days:.1f} days")


def _mark(path: Path) -> FileMark:
    try:
        found = path.stat()
    except OSError:
        return FileMark()
    return FileMark(found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns)
