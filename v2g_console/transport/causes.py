"""Why a connection failed or ended, in a word and in a sentence that says what to do."""

import errno
import socket
import ssl
from dataclasses import dataclass

from v2g_console.contract.link import LinkCause
from v2g_console.transport.connect_options import BrokerAddress

UNSUPPORTED_PROTOCOL = 132  # MQTT 5 codes; paho translates those of 3.1.1 into them
_BAD_CLIENT_ID = 133
_BAD_CREDENTIALS = 134
_NOT_AUTHORIZED = 135
_BANNED = 138
_BAD_AUTH_METHOD = 140
SESSION_TAKEN_OVER = 142
_KEEPALIVE_TIMEOUT = 141
_SHUTTING_DOWN = 139
_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL)
_EXPIRED = 10
_NOT_YET_VALID = 9
_NAME_MISMATCH = (62, 64)


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """The end of one connection, or of the attempt at one."""

    cause: LinkCause
    text: str


def explain_refusal(reason: int, address: BrokerAddress) -> LinkEnd:
    """A CONNACK that says no. `reason` is the MQTT 5 code."""
    if reason == _BAD_CREDENTIALS:
        return LinkEnd(
            LinkCause.AUTH,
            f"{address.url} refused user name or password: check mqtt.username and mqtt.password_file"
            + (", and that the client certificate has a common name" if address.tls else ""),
        )
    if reason in (_NOT_AUTHORIZED, _BANNED, _BAD_AUTH_METHOD):
        return LinkEnd(
            LinkCause.AUTH, f"{address.url} did not authorise us: check mqtt.username, its password, the certificate and the broker's ACL"
        )
    if reason == _BAD_CLIENT_ID:
        return LinkEnd(LinkCause.REFUSED, f"{address.url} refused the client id: check mqtt.client_id")
    if reason == UNSUPPORTED_PROTOCOL:
        return LinkEnd(LinkCause.PROTOCOL, f"{address.url} does not speak this MQTT version: set mqtt.protocol to auto")
    return LinkEnd(LinkCause.REFUSED, f"{address.url} refused the connection with code {reason}: look into the broker's log")


def explain_connect_error(error: BaseException | None, address: BrokerAddress) -> LinkEnd:
    """An attempt that failed before the broker could answer."""
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error, address)
    if isinstance(error, socket.gaierror):
        return LinkEnd(LinkCause.UNREACHABLE, f"the host name {address.host} is not known: check mqtt.broker and DNS")
    if isinstance(error, ConnectionRefusedError):
        return LinkEnd(LinkCause.REFUSED, f"nothing listens at {address.url}: start the broker or correct mqtt.broker")
    if isinstance(error, TimeoutError):
        return LinkEnd(LinkCause.TIMEOUT, f"no answer from {address.url} in time: check network, firewall and mqtt.broker")
    if isinstance(error, OSError):
        return _explain_os_error(error, address)
    return explain_silence(address)


def _explain_os_error(error: OSError, address: BrokerAddress) -> LinkEnd:
    if error.errno in _NO_ROUTE:
        return LinkEnd(LinkCause.UNREACHABLE, f"no route to {address.host}: check the network")
    hint = " (is that port a TLS port of the broker?)" if address.tls else ""
    return LinkEnd(LinkCause.CUT, f"{address.url} ended the connection: {error.strerror or error}{hint}")


def explain_silence(address: BrokerAddress) -> LinkEnd:
    """Connected, but the CONNACK did not come: the broker ended the connection or said nothing."""
    if address.tls:
        return LinkEnd(
            LinkCause.TLS,
            f"{address.url} did not answer after the TLS handshake: check the client certificate (missing, expired, unknown CA)",
        )
    return LinkEnd(
        LinkCause.TIMEOUT, f"{address.url} did not answer in time: can this machine reach it, and is it an MQTT broker without TLS?"
    )


def explain_handshake(address: BrokerAddress) -> LinkEnd:
    """Connected, but the TLS handshake timed out or the other side ended it without a word."""
    return LinkEnd(
        LinkCause.TLS, f"the TLS handshake with {address.url} did not finish: check that the port speaks TLS, and the client certificate"
    )


def explain_end(reason: int | None, error: Exception | None, keepalive: bool, address: BrokerAddress) -> LinkEnd:
    """The end of a connection that was up. `reason` is the code of a DISCONNECT (MQTT 5), None without one."""
    if keepalive:
        return LinkEnd(LinkCause.KEEPALIVE, f"{address.url} no longer answers (no bytes within the keep-alive): check the network")
    if reason is not None:
        return _explain_disconnect(reason, address)
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error, address)
    if isinstance(error, OSError):
        return LinkEnd(LinkCause.CUT, f"the connection to {address.url} was cut: {error.strerror or error}")
    if error is not None:
        return LinkEnd(LinkCause.PROTOCOL, f"{address.url} sent what is not MQTT: {error}")
    return LinkEnd(LinkCause.BROKER_CLOSED, f"{address.url} closed the connection: restarted, or another client uses the same id")


def _explain_disconnect(reason: int, address: BrokerAddress) -> LinkEnd:
    if reason == _KEEPALIVE_TIMEOUT:
        return LinkEnd(
            LinkCause.KEEPALIVE, f"{address.url} did not hear from us within the keep-alive: check the network and the load here"
        )
    if reason == SESSION_TAKEN_OVER:
        return taken_over(address)
    if reason == _SHUTTING_DOWN:
        return LinkEnd(LinkCause.BROKER_CLOSED, f"{address.url} is shutting down")
    return LinkEnd(LinkCause.BROKER_CLOSED, f"{address.url} ended the connection with code {reason}: look into the broker's log")


def taken_over(address: BrokerAddress) -> LinkEnd:
    """Another client came with our id; certain in MQTT 5, inferred from repeated ends in 3.1.1."""
    return LinkEnd(
        LinkCause.TAKEN_OVER, f"probably another client uses our id at {address.url}: stop it, or give each engine its own mqtt.client_id"
    )


def _explain_tls(error: ssl.SSLError, address: BrokerAddress) -> LinkEnd:
    if isinstance(error, ssl.SSLCertVerificationError):
        return LinkEnd(LinkCause.TLS, _explain_certificate(error, address))
    reason = (error.reason or "").upper()
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason:
        return LinkEnd(LinkCause.TLS, f"{address.url} does not speak TLS at this port: check the port in mqtt.broker")
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")):
        words = reason.lower().replace("_", " ")
        return LinkEnd(LinkCause.TLS, f"{address.url} refused our client certificate ({words}): check mqtt.client_cert and mqtt.client_key")
    if "PROTOCOL" in reason:
        return LinkEnd(LinkCause.TLS, f"{address.url} offers no TLS version of 1.2 or above: update the broker")
    return LinkEnd(LinkCause.TLS, f"TLS with {address.url} failed: {error.reason or error}")


def _explain_certificate(error: ssl.SSLCertVerificationError, address: BrokerAddress) -> str:
    if error.verify_code == _EXPIRED:
        return f"the certificate of {address.host} has expired: renew it on the broker"
    if error.verify_code == _NOT_YET_VALID:
        return f"the certificate of {address.host} is not valid yet: check the clocks"
    if error.verify_code in _NAME_MISMATCH:
        return f"the certificate of the broker is not for {address.host}: use the name it was made for in mqtt.broker"
    return f"the certificate of {address.host} is not signed by an authority we trust: check mqtt.ca_bundle ({error.verify_message})"
