"""Rules between keys, each with the line of the key to look at first."""

from pathlib import Path

import pytest

from v2g_console.config.load import LoadedSettings, load
from v2g_console.config.origin import OriginKind
from v2g_console.config.problems import ConfigError


def loaded(folder: Path, text: str) -> LoadedSettings:
    for name in ("c.crt", "c.key"):
        (folder / name).touch(mode=0o600)
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load(path, {})


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "mqtt: {broker: 'localhost:1883'}",
            "mqtt.broker: expected scheme://host:port such as tcp://broker:1883 or ssl://broker:8883, got no scheme",
        ),
        ("mqtt: {broker: 'ws://h:80'}", "mqtt.broker: expected tcp://, mqtt://, ssl:// or mqtts://, got ws://"),
        (
            "mqtt: {broker: 'tcp://u:geheim@h'}",
            "mqtt.broker: expected no user name or password in the address: use mqtt.username and mqtt.password_file",
        ),
        (
            "mqtt: {broker: 'tcp://h:1883', use_tls: true}",
            "mqtt.use_tls: true contradicts mqtt.broker tcp://h:1883, which is plaintext: write ssl://, or use_tls: false",
        ),
        (
            "mqtt: {broker: 'mqtts://h', use_tls: false}",
            "mqtt.use_tls: false contradicts mqtt.broker mqtts://h:8883, which is TLS: write tcp://, or use_tls: true",
        ),
        ("mqtt: {auth_method: username_password}", "mqtt.auth_method: username_password needs mqtt.username"),
        ("mqtt: {broker: 'ssl://h', auth_method: tls, client_cert: c.crt}", "mqtt.auth_method: tls needs mqtt.client_key"),
        ("mqtt: {broker: 'ssl://h', auth_method: tls, client_key: c.key}", "mqtt.auth_method: tls needs mqtt.client_cert"),
        (
            "mqtt: {auth_method: tls, client_cert: c.crt, client_key: c.key}",
            "mqtt.auth_method: tls needs TLS, but mqtt.broker tcp://127.0.0.1:1883 is plaintext: write ssl://",
        ),
        (
            "mqtt: {broker: 'tcp://10.0.0.1', auth_method: username_password, username: u}",
            "mqtt.broker: tcp://10.0.0.1:1883 would carry the user name and password in the clear: "
            "write ssl://, or set mqtt.allow_plaintext_credentials",
        ),
        (
            "mqtt: {ack_topic: 'v/+/+/ack'}",
            "mqtt.ack_topic: expected a topic with one level '+' in the place of the vehicle id, got 'v/+/+/ack'",
        ),
        (
            "mqtt: {ack_topic: 'v/x+/ack'}",
            "mqtt.ack_topic: expected a topic with one level '+' in the place of the vehicle id, got 'v/x+/ack'",
        ),
        (
            "mqtt: {command_topic: 'v/+/#'}",
            "mqtt.command_topic: expected a topic with one level '+' in the place of the vehicle id, got 'v/+/#'",
        ),
        ("mqtt: {lwt_topic: 'v2g/+'}", "mqtt.lwt_topic: expected a topic without wildcards, got 'v2g/+'"),
        ("mqtt: {discovery_topic: ''}", "mqtt.discovery_topic: expected a topic without wildcards, got ''"),
        ("mqtt: {command_topic: vehicle/+/ack}", "mqtt.command_topic: the same topic as mqtt.ack_topic: 'vehicle/+/ack'"),
        (
            "dispatch: {weights: {soc: 0, time: 0, priority: 0, wear: 0, fairness: 0, availability: 0}}",
            "dispatch.weights: expected at least one weight above 0, got only zeros",
        ),
        (
            "dispatch: {v1_signals: [FCR, fcr2]}",
            "dispatch.v1_signals: expected some of FCR, aFRR_UP, aFRR_DOWN, MA, NEBEF, EcoWatt, got 'fcr2'",
        ),
        (
            "dispatch: {soc: {safe_discharge_floor: 0.9, soc_ceiling: 0.8}}",
            "dispatch.soc.safe_discharge_floor: expected less than dispatch.soc.soc_ceiling (0.8), got 0.9",
        ),
        (
            "dispatch: {lp_first: [MA, aFRR]}",
            "dispatch.lp_first: expected some of FCR, aFRR_UP, aFRR_DOWN, MA, NEBEF, EcoWatt, got 'aFRR'",
        ),
        (
            "dispatch: {strict: [fcr, ECOWATT]}",
            "dispatch.strict: expected some of FCR, aFRR_UP, aFRR_DOWN, MA, NEBEF, EcoWatt, got 'fcr', 'ECOWATT'",
        ),
        (
            "dispatch: {trust: {first_hold_s: 60, longest_hold_s: 30}}",
            "dispatch.trust.longest_hold_s: expected at least dispatch.trust.first_hold_s (60), got 30",
        ),
        (
            "dispatch: {trust: {first_hold_s: 3600}}",
            "dispatch.trust.longest_hold_s: expected at least dispatch.trust.first_hold_s (3600), got 1800",
        ),
        ("console: {timezone: Mars/Olympus}", "console.timezone: expected a time zone such as Europe/Paris, got 'Mars/Olympus'"),
        ("console: {timezone: ../../etc/passwd}", "console.timezone: expected a time zone such as Europe/Paris, got '../../etc/passwd'"),
        ("socket: {path: /" + "x" * 107 + "}", "socket.path: expected a path of at most 107 bytes, got 108"),
    ],
)
def test_a_contradiction_names_its_key_and_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, f"# first line\n{text}\n") == [f"config.yaml:2 {problem}"]


@pytest.mark.parametrize(
    "text",
    [
        "mqtt: {broker: 'tcp://10.0.0.1', auth_method: username_password, username: u, allow_plaintext_credentials: true}",
        "mqtt: {broker: 'tcp://localhost', auth_method: username_password, username: u}",
        "mqtt: {broker: 'mqtt://[::1]:1884', auth_method: username_password, username: u}",
        "mqtt: {broker: 'ssl://h', auth_method: both, username: u, client_cert: c.crt, client_key: c.key}",
        "console: {timezone: Europe/Paris}",
        "dispatch: {v1_signals: []}",
        "dispatch: {allocator: segmented}",
        "dispatch: {lp_first: [MA, NEBEF], strict: [FCR], emphasis: false, reallocation: none, tuner: acks}",
        "dispatch: {trust: {first_hold_s: 30, longest_hold_s: 30}}",
        "dispatch: {full_activation_s: 750, ramp_kw_per_s: 0.5, max_power_kw: 900}",
        "dispatch: {release_ramp_s: 30, vehicle_ramp_kw_per_s: 0.1, protect_below_min_soc: false}",
    ],
)
def test_what_goes_together_is_accepted(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text).warnings == ()


def test_a_tls_address_implies_use_tls_and_says_so(tmp_path: Path) -> None:
    result = loaded(tmp_path, "mqtt: {broker: 'ssl://h'}\n")
    assert result.settings.mqtt.use_tls
    assert (result.origins["mqtt.use_tls"].kind, result.origins["mqtt.use_tls"].name) == (OriginKind.IMPLIED, "mqtt.broker")


def test_a_rule_is_silent_about_a_value_that_is_wrong_by_itself_or_misspelt(tmp_path: Path) -> None:
    assert problems(tmp_path, "mqtt: {auth_method: username_password, usrname: bob}\n") == [
        "config.yaml:1 mqtt.usrname: unknown key; did you mean mqtt.username?"
    ]
    assert problems(tmp_path, "mqtt: {auth_method: certificate}\n") == [
        "config.yaml:1 mqtt.auth_method: expected none, username_password, tls or both, got 'certificate'"
    ]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("mqtt: {username: u}", "mqtt.username: not used: mqtt.auth_method is none"),
        ("mqtt: {broker: 'ssl://h', client_cert: c.crt, client_key: c.key}", "mqtt.client_cert: not used: mqtt.auth_method is none"),
        (
            "dispatch: {confirm_above_kw: 500, max_power_kw: 400}",
            "dispatch.confirm_above_kw: never asked: dispatch.max_power_kw refuses above 400 kW",
        ),
        (
            "metrics: {host: 0.0.0.0}",
            "metrics.host: whoever reaches '0.0.0.0' can read the metrics, there is no password: 127.0.0.1, or a firewall",
        ),
        (
            "dispatch: {full_activation_s: 1801}",
            "dispatch.full_activation_s: longer than any reserve product allows (1800 s, replacement reserve)",
        ),
        (
            "dispatch: {release_ramp_s: 31}",
            "dispatch.release_ramp_s: v2 vehicles release themselves 30 s after the end, whatever the ramp says",
        ),
        (
            "dispatch: {vehicle_ramp_kw_per_s: 0.001}",
            "dispatch.vehicle_ramp_kw_per_s: a charger of 11 kW would take 11000 s: write kW per second, such as 0.5",
        ),
        (
            "dispatch: {ramp_kw_per_s: 0.1, max_power_kw: 500}",
            "dispatch.ramp_kw_per_s: dispatch.max_power_kw (500) is reached only after 5000 s",
        ),
    ],
)
def test_what_is_hardly_meant_is_a_warning(tmp_path: Path, text: str, warning: str) -> None:
    assert [str(item).replace(f"{tmp_path}/", "") for item in loaded(tmp_path, text).warnings] == [f"config.yaml:1 {warning}"]
