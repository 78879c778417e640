"""TLS: 1.2 at least, host name always checked, the system's or our own authorities, with or without a client certificate."""

import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2g_console.config.redact import learn_secret
from v2g_console.config.settings import MqttSettings
from v2g_console.transport.connect_options import TransportConfigError, read_secret

DAY_S = 86_400.0


class TlsMaterialError(TransportConfigError):
    """A certificate, key or CA file can't be used; the text names key, file and what to do."""


@dataclass(frozen=True, slots=True)
class TlsSetup:
    """A context for one connection attempt, with what is known of our own certificate."""

    context: ssl.SSLContext
    not_after_s: float | None
    """UTC seconds at which our own certificate expires; None without one"""
    warnings: tuple[str, ...]

    def days_left(self, now_s: float) -> float | None:
        """Days until our own certificate expires, negative afterwards; None without one."""
        return None if self.not_after_s is None else (self.not_after_s - now_s) / DAY_S


def build_tls(settings: MqttSettings, now_s: float | None = None) -> TlsSetup:
    """Reads all files again (certificates are rotated under a running engine). `now_s` in UTC seconds. Raises `TlsMaterialError`."""
    now_s = time.time() if now_s is None else now_s
    context = _trusting_the_system() if settings.ca_bundle is None else _trusting_only(settings.ca_bundle)
    if settings.client_cert is None or settings.client_key is None:
        return TlsSetup(context, None, ())
    not_after_s, warnings = _load_own(context, settings, settings.client_cert, settings.client_key, now_s)
    return TlsSetup(context, not_after_s, warnings)


def days_left(certificate: dict[str, Any], now_s: float) -> float:
    """Days until `certificate` (as the ssl module decodes it) expires; negative afterwards."""
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - now_s) / DAY_S


def _trusting_the_system() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _trusting_only(ca_bundle: Path) -> ssl.SSLContext:
    _require_readable(ca_bundle, "mqtt.ca_bundle")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name by default
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_bundle)
    except ssl.SSLError:
        raise TlsMaterialError(f"mqtt.ca_bundle: {ca_bundle} holds no PEM certificate") from None
    return context


def _load_own(context: ssl.SSLContext, settings: MqttSettings, certificate: Path, key: Path, now_s: float) -> tuple[float, tuple[str, ...]]:
    """(end of validity in UTC seconds, warnings) after loading certificate and key into `context`."""
    _require_readable(certificate, "mqtt.client_cert")
    _require_readable(key, "mqtt.client_key")
    decoded = _decode_certificate(certificate)
    not_after_s = float(ssl.cert_time_to_seconds(str(decoded["notAfter"])))
    if not_after_s <= now_s:
        raise TlsMaterialError(f"mqtt.client_cert: {certificate} expired on {decoded['notAfter']}: install a new one")
    if ssl.cert_time_to_seconds(str(decoded["notBefore"])) > now_s:
        raise TlsMaterialError(f"mqtt.client_cert: {certificate} is valid only from {decoded['notBefore']}: check the clock")
    password = _key_password(settings)
    learn_secret(password)
    try:
        # an empty password instead of None: OpenSSL would ask on the terminal
        context.load_cert_chain(certificate, key, password=password or "")
    except (ssl.SSLError, ValueError) as error:
        raise TlsMaterialError(f"mqtt.client_key: {_key_fault(error, key, certificate, bool(password))}") from None
    warnings = (f"private key can be read by others: chmod 600 {key}",) if key.stat().st_mode & 0o077 else ()
    return not_after_s, warnings


def _key_fault(error: Exception, key: Path, certificate: Path, with_password: bool) -> str:
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    if reason == "KEY_VALUES_MISMATCH":
        return f"{key} is not the key of {certificate}"
    if "ENCRYPTED" in key.read_text(encoding="ascii", errors="replace"):
        wrong = "the password is wrong" if with_password else "it is encrypted, set mqtt.client_key_password_file"
        return f"can't open {key}: {wrong}"
    return f"{key} holds no PEM private key"


def _key_password(settings: MqttSettings) -> str:
    if settings.client_key_password_file is not None and not settings.client_key_password_file.is_fifo():
        return read_secret(settings.client_key_password_file, "mqtt.client_key_password_file")
    return settings.client_key_password.get_secret_value()


def _require_readable(path: Path, key: str) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise TlsMaterialError(f"{key}: can't read {path}: {error.strerror}") from None


def _decode_certificate(path: Path) -> dict[str, Any]:
    try:
        # the standard library's only reader of a leaf certificate from a file; private, but there since Python 2.6
        decoded: dict[str, Any] = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]  # not in typeshed
    except (ssl.SSLError, ValueError):
        raise TlsMaterialError(f"mqtt.client_cert: {path} holds no PEM certificate") from None
    return decoded
