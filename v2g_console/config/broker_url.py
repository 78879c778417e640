"""The broker's address: `tcp://` or `mqtt://` in the clear (port 1883), `ssl://` or `mqtts://` over TLS (port 8883)."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_PLAIN: Final = frozenset({"tcp", "mqtt"})
_TLS: Final = frozenset({"ssl", "mqtts"})


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A parsed address. `host` is a name or an IP address without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def tls(self) -> bool:
        """True if the scheme asks for TLS."""
        return self.scheme in _TLS

    @property
    def loopback(self) -> bool:
        """True if the broker is on this machine by its name or address."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """True if `host`, a name or an address, stands for this machine alone."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_broker_url(text: str) -> BrokerUrl:
    """The address in `text`. Raises ValueError with what was expected; the message never repeats a user name or password."""
    if "://" not in text:
        raise ValueError("expected scheme://host:port such as tcp://broker:1883 or ssl://broker:8883, got no scheme")
    scheme = text.partition("://")[0].lower()
    if scheme not in _PLAIN | _TLS:
        raise ValueError(f"expected tcp://, mqtt://, ssl:// or mqtts://, got {scheme[:20]}://")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("expected scheme://host:port with a port from 1 to 65535 (IPv6 addresses in brackets)") from None
    if "@" in parts.netloc:
        raise ValueError("expected no user name or password in the address: use mqtt.username and mqtt.password_file")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("expected nothing after host and port")
    host = parts.hostname or ""
    if not host or not host.isprintable() or any(char in host for char in " \\%"):
        raise ValueError("expected a host name or address after ://")
    if port == 0:
        raise ValueError("expected a port from 1 to 65535, got 0")
    return BrokerUrl(scheme, host, port or (8883 if scheme in _TLS else 1883))
