"""Rules between keys: each value is fine by itself, together they contradict each other or don't do what was meant."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from v2g_console.config.access_checks import access_contradictions, access_doubts
from v2g_console.config.broker_url import BrokerUrl, is_loopback, parse_broker_url
from v2g_console.config.console_site_checks import console_site_contradictions
from v2g_console.config.finding import Finding
from v2g_console.config.grid_checks import node_contradictions, node_doubts, segment_contradictions, segment_doubts
from v2g_console.config.interlock_checks import interlock_doubts
from v2g_console.config.settings import AlarmSettings, AuthMethod, DispatchSettings, MqttSettings, Settings, WeightSettings
from v2g_console.config.site_checks import fleet_site_contradictions, fleet_site_doubts, phase_contradictions, phase_doubts
from v2g_console.config.values import shown
from v2g_console.domain.alarm_kinds import ALARM_KINDS
from v2g_console.domain.signal import Signal

_SLOWEST_PRODUCT_S: Final = 1800.0  # full activation time of replacement reserve, the slowest (aFRR 300 s, mFRR 750 s)
_LEASE_AFTER_END_S: Final = 30.0  # see `valid_until` in the wire protocol
_LEAST_TO_SEND_S: Final = 3.0  # for a person, between arming and sending
_CHARGER_KW: Final = 11.0  # an ordinary one
_MAX_TOPIC_BYTES: Final = 1024
_MAX_SOCKET_PATH_BYTES: Final = 107  # sun_path of Linux less its final zero
_USES_NAME: Final = frozenset({AuthMethod.USERNAME_PASSWORD, AuthMethod.BOTH})
_USES_CERTIFICATE: Final = frozenset({AuthMethod.TLS, AuthMethod.BOTH})


def contradictions(settings: Settings, given: AbstractSet[str]) -> Iterator[Finding]:
    """What keeps the settings from being used. `given` holds the key paths that were written rather than left at their default."""
    yield from _broker(settings.mqtt, given)
    yield from _topics(settings)
    if not any(getattr(settings.dispatch.weights, name) for name in WeightSettings.model_fields):
        yield Finding("dispatch.weights", "expected at least one weight above 0, got only zeros")
    yield from _dispatch(settings.dispatch)
    yield from node_contradictions(settings.grid)
    yield from phase_contradictions(settings.grid)
    yield from fleet_site_contradictions(settings.fleet, settings.grid)
    yield from segment_contradictions(settings.segments)
    yield from access_contradictions(settings.access)
    yield from console_site_contradictions(settings.console.sites)
    yield from _alarms(settings.alarms)
    try:
        ZoneInfo(settings.console.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Finding("console.timezone", f"expected a time zone such as Europe/Paris, got {shown(settings.console.timezone)}")
    arm_s, delay_s = settings.dispatch.arm_timeout_s, settings.console.send_delay_s
    if delay_s and delay_s + _LEAST_TO_SEND_S > arm_s:
        least = arm_s - _LEAST_TO_SEND_S
        message = f"expected at most {max(0.0, least):g}, since an armed plan lapses after dispatch.arm_timeout_s, {arm_s:g} s"
        yield Finding("console.send_delay_s", message, ("dispatch.arm_timeout_s",))
    path = settings.socket.path
    if path is not None and len(bytes(path)) > _MAX_SOCKET_PATH_BYTES:
        yield Finding("socket.path", f"expected a path of at most {_MAX_SOCKET_PATH_BYTES} bytes, got {len(bytes(path))}")


def _alarms(alarms: AlarmSettings) -> Iterator[Finding]:
    kinds = [one.kind for one in alarms.delays]
    for at, kind in enumerate(kinds):
        if kind not in ALARM_KINDS:
            yield Finding(f"alarms.delays.{at}.kind", f"expected one of {', '.join(ALARM_KINDS)}, got {shown(kind)}")
        elif kind in kinds[:at]:
            yield Finding(f"alarms.delays.{at}.kind", f"{kind} is named twice")


def doubts(settings: Settings, given: AbstractSet[str]) -> Iterator[Finding]:
    """What can be used but is hardly what was meant."""
    mqtt = settings.mqtt
    if mqtt.username and mqtt.auth_method not in _USES_NAME:
        yield Finding("mqtt.username", f"not used: mqtt.auth_method is {mqtt.auth_method}", ("mqtt.auth_method",))
    if mqtt.client_cert is not None and mqtt.auth_method not in _USES_CERTIFICATE:
        yield Finding("mqtt.client_cert", f"not used: mqtt.auth_method is {mqtt.auth_method}", ("mqtt.auth_method",))
    limit, confirm = settings.dispatch.max_power_kw, settings.dispatch.confirm_above_kw
    if 0 < limit <= confirm:
        yield Finding(
            "dispatch.confirm_above_kw", f"never asked: dispatch.max_power_kw refuses above {limit:g} kW", ("dispatch.max_power_kw",)
        )
    metrics = settings.metrics
    if metrics.enabled and not is_loopback(metrics.host):
        yield Finding(
            "metrics.host", f"whoever reaches {shown(metrics.host)} can read the metrics, there is no password: 127.0.0.1, or a firewall"
        )
    yield from _shaping_doubts(settings.dispatch)
    yield from node_doubts(settings.grid)
    yield from phase_doubts(settings.grid)
    yield from fleet_site_doubts(settings.fleet, settings.grid.nodes)
    yield from segment_doubts(settings.segments, settings.dispatch)
    yield from interlock_doubts(settings)
    yield from access_doubts(settings.access, settings.dispatch)


def _broker(mqtt: MqttSettings, given: AbstractSet[str]) -> Iterator[Finding]:
    try:
        broker = parse_broker_url(mqtt.broker)
    except ValueError as error:
        yield Finding("mqtt.broker", str(error))
        broker = None
    if broker is not None:
        yield from _encryption(mqtt, broker, given)
    if mqtt.auth_method in _USES_NAME and not mqtt.username:
        yield Finding("mqtt.auth_method", f"{mqtt.auth_method} needs mqtt.username", ("mqtt.username",))
    for name in ("client_cert", "client_key"):
        if mqtt.auth_method in _USES_CERTIFICATE and getattr(mqtt, name) is None:
            yield Finding("mqtt.auth_method", f"{mqtt.auth_method} needs mqtt.{name}", (f"mqtt.{name}",))


def _encryption(mqtt: MqttSettings, broker: BrokerUrl, given: AbstractSet[str]) -> Iterator[Finding]:
    if mqtt.use_tls and not broker.tls:
        wanted = {"tcp": "ssl", "mqtt": "mqtts"}[broker.scheme]
        yield Finding(
            "mqtt.use_tls",
            f"true contradicts mqtt.broker {broker}, which is plaintext: write {wanted}://, or use_tls: false",
            ("mqtt.broker",),
        )
        return
    if broker.tls and "mqtt.use_tls" in given and not mqtt.use_tls:
        yield Finding(
            "mqtt.use_tls", f"false contradicts mqtt.broker {broker}, which is TLS: write tcp://, or use_tls: true", ("mqtt.broker",)
        )
        return
    if broker.tls:
        return
    if mqtt.auth_method in _USES_CERTIFICATE:
        yield Finding(
            "mqtt.auth_method", f"{mqtt.auth_method} needs TLS, but mqtt.broker {broker} is plaintext: write ssl://", ("mqtt.broker",)
        )
    elif mqtt.auth_method in _USES_NAME and not broker.loopback and not mqtt.allow_plaintext_credentials:
        yield Finding(
            "mqtt.broker",
            f"{broker} would carry the user name and password in the clear: write ssl://, or set mqtt.allow_plaintext_credentials",
            ("mqtt.auth_method", "mqtt.allow_plaintext_credentials"),
        )


def _topics(settings: Settings) -> Iterator[Finding]:
    mqtt, telemetry = settings.mqtt, settings.telemetry
    patterns = {
        "mqtt.ack_topic": mqtt.ack_topic,
        "mqtt.command_topic": mqtt.command_topic,
        "mqtt.response_topic": mqtt.response_topic,
        "telemetry.state_topic": telemetry.state_topic,
        "telemetry.response_topic": telemetry.response_topic,
    }
    plain = {
        "mqtt.discovery_topic": mqtt.discovery_topic,
        "mqtt.lwt_topic": mqtt.lwt_topic,
        "telemetry.request_topic": telemetry.request_topic,
    }
    for key, topic in patterns.items():
        if _malformed(topic) or topic.split("/").count("+") != 1 or topic.count("+") != 1:
            yield Finding(key, f"expected a topic with one level '+' in the place of the vehicle id, got {shown(topic)}")
    for key, topic in plain.items():
        if _malformed(topic) or "+" in topic:
            yield Finding(key, f"expected a topic without wildcards, got {shown(topic)}")
    first: dict[str, str] = {}
    for key, topic in (patterns | plain).items():
        if topic in first:
            yield Finding(key, f"the same topic as {first[topic]}: {shown(topic)}", (first[topic],))
        first.setdefault(topic, key)


def _malformed(topic: str) -> bool:
    return not topic or "#" in topic or len(topic.encode("utf-8", "surrogatepass")) > _MAX_TOPIC_BYTES


def _dispatch(dispatch: DispatchSettings) -> Iterator[Finding]:
    for name in ("v1_signals", "lp_first", "strict"):
        unknown = [signal for signal in getattr(dispatch, name) if signal not in set(Signal)]
        if unknown:
            yield Finding(f"dispatch.{name}", f"expected some of {', '.join(Signal)}, got {', '.join(map(shown, unknown))}")
    soc, trust = dispatch.soc, dispatch.trust
    if soc.safe_discharge_floor >= soc.soc_ceiling:
        yield Finding(
            "dispatch.soc.safe_discharge_floor",
            f"expected less than dispatch.soc.soc_ceiling ({soc.soc_ceiling:g}), got {soc.safe_discharge_floor:g}",
            ("dispatch.soc.soc_ceiling",),
        )
    if trust.longest_hold_s < trust.first_hold_s:
        yield Finding(
            "dispatch.trust.longest_hold_s",
            f"expected at least dispatch.trust.first_hold_s ({trust.first_hold_s:g}), got {trust.longest_hold_s:g}",
            ("dispatch.trust.first_hold_s",),
        )


def _shaping_doubts(dispatch: DispatchSettings) -> Iterator[Finding]:
    """Ways to a target that take longer than any product allows."""
    if dispatch.full_activation_s > _SLOWEST_PRODUCT_S:
        yield Finding(
            "dispatch.full_activation_s", f"longer than any reserve product allows ({_SLOWEST_PRODUCT_S:g} s, replacement reserve)"
        )
    if dispatch.release_ramp_s > _LEASE_AFTER_END_S:
        yield Finding(
            "dispatch.release_ramp_s", f"v2 vehicles release themselves {_LEASE_AFTER_END_S:g} s after the end, whatever the ramp says"
        )
    vehicle_ramp = dispatch.vehicle_ramp_kw_per_s
    if vehicle_ramp > 0 and _CHARGER_KW / vehicle_ramp > _SLOWEST_PRODUCT_S:
        yield Finding(
            "dispatch.vehicle_ramp_kw_per_s",
            f"a charger of {_CHARGER_KW:g} kW would take {_CHARGER_KW / vehicle_ramp:.0f} s: write kW per second, such as 0.5",
        )
    limit, ramp = dispatch.max_power_kw, dispatch.ramp_kw_per_s
    slowest_s = max(dispatch.full_activation_s, _SLOWEST_PRODUCT_S)
    if ramp > 0 and limit / ramp > slowest_s:
        yield Finding(
            "dispatch.ramp_kw_per_s",
            f"dispatch.max_power_kw ({limit:g}) is reached only after {limit / ramp:.0f} s",
            ("dispatch.max_power_kw",),
        )
