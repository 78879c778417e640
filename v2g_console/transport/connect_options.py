"""Where to connect and as whom: the `mqtt` settings checked for contradictions before the first attempt."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from v2g_console.config.settings import AuthMethod, MqttSettings

_PLAIN = {"tcp": 1883, "mqtt": 1883}
_TLS = {"ssl": 8883, "mqtts": 8883}


class TransportConfigError(ValueError):
    """The settings contradict each other or can't be used; the text names the key, what was found and what to do."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's host and port, and whether it is spoken to over TLS."""

    host: str
    port: int
    tls: bool
    url: str  # for display

    @property
    def is_loopback(self) -> bool:
        """True if the broker is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def checked_address(settings: MqttSettings) -> BrokerAddress:
    """The address of the broker, after all of `settings` has been checked. Raises `TransportConfigError`."""
    address = parse_broker(settings.broker)
    if settings.use_tls and not address.tls:
        raise TransportConfigError(
            f"mqtt.use_tls is true but mqtt.broker is {settings.broker!r}: write ssl://{address.host}:{address.port}"
        )
    _check_credentials(settings, address)
    _check_certificates(settings, address)
    return address


def parse_broker(url: str) -> BrokerAddress:
    """`tcp://host[:port]`, `mqtt://`, `ssl://` or `mqtts://`. Raises `TransportConfigError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TransportConfigError(f"mqtt.broker: {url!r} is no address, expected for example tcp://127.0.0.1:1883") from None
    if parts.username is not None or parts.password is not None:
        raise TransportConfigError("mqtt.broker: a user name does not belong in the address, use mqtt.username and mqtt.password_file")
    if parts.scheme not in _PLAIN | _TLS:
        raise TransportConfigError(f"mqtt.broker: expected tcp://, mqtt://, ssl:// or mqtts://, got {url!r}")
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise TransportConfigError(f"mqtt.broker: expected scheme://host:port, got {url!r}")
    if port is None:
        port = (_PLAIN | _TLS)[parts.scheme]
    elif port == 0:
        raise TransportConfigError(f"mqtt.broker: port 0 is no port to connect to, got {url!r}")
    shown = f"[{host}]" if ":" in host else host
    return BrokerAddress(host, port, parts.scheme in _TLS, f"{parts.scheme}://{shown}:{port}")


def read_password(settings: MqttSettings) -> str | None:
    """The password, read from its file each time so that a changed one is used. Raises `TransportConfigError`.

    The loader of the configuration leaves what it read from the file in `password` too (for redaction) and refuses a secret given twice.
    """
    if settings.password_file is None or settings.password_file.is_fifo():  # a pipe gave it to the loader, once
        return settings.password.get_secret_value() or None
    return read_secret(settings.password_file, "mqtt.password_file")


def read_secret(path: Path, key: str) -> str:
    """The text of a secret's file without its last line end. Raises `TransportConfigError` naming `key`."""
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise TransportConfigError(f"{key}: can't read {path}: {reason}") from None


def _check_credentials(settings: MqttSettings, address: BrokerAddress) -> None:
    named = settings.auth_method in (AuthMethod.USERNAME_PASSWORD, AuthMethod.BOTH)
    if not named and (settings.username or settings.password.get_secret_value() or settings.password_file):
        wanted = "both" if settings.auth_method is AuthMethod.TLS else "username_password"
        raise TransportConfigError(f"mqtt.auth_method is {settings.auth_method.value} but a user name or password is given: say {wanted}")
    if not named:
        return
    if not settings.username:
        raise TransportConfigError(f"mqtt.auth_method is {settings.auth_method.value}: mqtt.username is missing")
    if not read_password(settings):
        raise TransportConfigError("mqtt.password_file (or V2G__MQTT__PASSWORD) is missing or empty")
    if not (address.tls or address.is_loopback or settings.allow_plaintext_credentials):
        raise TransportConfigError(
            f"mqtt.broker {address.url} would get the user name and password in the clear: use ssl://, "
            "or set mqtt.allow_plaintext_credentials if the network is trusted"
        )


def _check_certificates(settings: MqttSettings, address: BrokerAddress) -> None:
    shown = settings.auth_method in (AuthMethod.TLS, AuthMethod.BOTH)
    if shown and not address.tls:
        raise TransportConfigError(f"mqtt.auth_method is {settings.auth_method.value} but mqtt.broker is {address.url}: it needs ssl://")
    if shown and not (settings.client_cert and settings.client_key):
        raise TransportConfigError(
            f"mqtt.auth_method is {settings.auth_method.value}: mqtt.client_cert and mqtt.client_key are both needed"
        )
    if not shown and (settings.client_cert or settings.client_key):
        wanted = "both" if settings.auth_method is AuthMethod.USERNAME_PASSWORD else "tls"
        raise TransportConfigError(f"mqtt.auth_method is {settings.auth_method.value} but a client certificate is given: say {wanted}")
    if settings.ca_bundle and not address.tls:
        raise TransportConfigError(f"mqtt.ca_bundle is given but mqtt.broker is {address.url}: use ssl://")
