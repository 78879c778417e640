"""What the loader makes of a file and the environment: values, origins, and every error at once."""

from pathlib import Path

import pytest

from v2g_console.config.load import LoadedSettings, load
from v2g_console.config.origin import OriginKind
from v2g_console.config.problems import ConfigError
from v2g_console.config.settings import AuthMethod, Settings

SEED = """\
mqtt:
  broker: "ssl://broker:8883"
  client_id: "v2g-dispatcher"
  username: "user"
  password: "secret"
  ack_topic: "vehicle/+/ack"
  use_tls: true
  client_cert: "client.crt"
  client_key: "client.key"
  ca_bundle: "ca.pem"
  auth_method: "tls"
  qos:
    command: 1
    ack: 1
  lwt_topic: "v2g/lwt"
  lwt_payload: "offline"
  lwt_qos: 1
  lwt_retain: true
  max_retries: 5
  backoff_ms: 200
"""


def loaded(folder: Path, text: str, **environ: str) -> LoadedSettings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load(path, environ)


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, **environ)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_the_seeds_configuration_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("client.crt", "client.key", "ca.pem"):
        (tmp_path / name).touch(mode=0o600)
    result = loaded(tmp_path, SEED)
    mqtt = result.settings.mqtt
    assert (mqtt.broker, mqtt.client_id, mqtt.auth_method, mqtt.use_tls) == ("ssl://broker:8883", "v2g-dispatcher", AuthMethod.TLS, True)
    assert mqtt.client_cert == tmp_path / "client.crt"
    assert mqtt.password.get_secret_value() == "secret"
    assert (mqtt.qos.command, mqtt.lwt_qos, mqtt.lwt_retain, mqtt.max_retries, mqtt.backoff_ms) == (1, 1, True, 5, 200.0)
    assert [warning.message for warning in result.warnings] == ["not used: mqtt.auth_method is tls"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "mqtt:\ndispatch:\n", "---\n", "mqtt: ~\n"])
def test_what_is_left_out_keeps_its_default(tmp_path: Path, text: str) -> None:
    result = loaded(tmp_path, text)
    assert result.settings == Settings()
    assert {origin.kind for origin in result.origins.values()} == {OriginKind.DEFAULT}


def test_the_origin_of_every_value_is_known(tmp_path: Path) -> None:
    result = loaded(tmp_path, "mqtt:\n  client_id: paris\n  qos:\n    command: 2\n", V2G__MQTT__QOS__ACK="0")
    assert str(result.origins["mqtt.client_id"]).endswith("config.yaml:2")
    assert str(result.origins["mqtt.qos.command"]).endswith("config.yaml:4")
    assert str(result.origins["mqtt.qos.ack"]) == "environment V2G__MQTT__QOS__ACK"
    assert str(result.origins["mqtt.broker"]) == "default"
    assert result.files == (tmp_path / "config.yaml",)


def test_every_error_is_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
mqtt:
  brokr: tcp://h
  qos:
    command: 3
    command: 1
  keepalive_s: 2.5
  lwt_retain: maybe
  ack_topic: vehicle/ack
dispatch:
  lease_s: 3
  weights: 7
foo: 1
console: {refresh_hz: 9}
"""
    assert problems(tmp_path, text, V2G__MQTT__PASWORD="x", V2G__METRICS__PORT="70000") == [
        "config.yaml:2 mqtt.brokr: unknown key; did you mean mqtt.broker?",
        "config.yaml:4 mqtt.qos.command: expected 0, 1 or 2, got 3",
        "config.yaml:5 mqtt.qos.command: given twice: first in line 4",
        "config.yaml:6 mqtt.keepalive_s: expected a whole number from 1 to 3600, got 2.5",
        "config.yaml:7 mqtt.lwt_retain: expected true or false, got 'maybe'",
        "config.yaml:8 mqtt.ack_topic: expected a topic with one level '+' in the place of the vehicle id, got 'vehicle/ack'",
        "config.yaml:10 dispatch.lease_s: expected a number of at least 30, got 3",
        "config.yaml:11 dispatch.weights: expected a section with keys such as 'soc:', got '7'",
        f"config.yaml:12 foo: unknown key; known sections are {', '.join(Settings.model_fields)}",
        "config.yaml:13 console.refresh_hz: expected a number from 1 to 4, got 9",
        "environment V2G__MQTT__PASWORD mqtt.pasword: unknown key; did you mean V2G__MQTT__PASSWORD?",
        "environment V2G__METRICS__PORT metrics.port: expected a whole number from 0 to 65535, got 70000",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mqtt: {protocol: '4'}", "1 mqtt.protocol: expected auto, 5 or 3.1.1, got 4"),
        ("mqtt: {auth_method: password}", "1 mqtt.auth_method: expected none, username_password, tls or both, got 'password'"),
        ("mqtt: {client_id: ''}", "1 mqtt.client_id: expected text of 1 to 64 characters, got ''"),
        (
            "mqtt: {client_id: 'a\\u202eb'}".replace("'", '"'),
            "1 mqtt.client_id: expected text of 1 to 64 characters without control characters, got 'a\\u202eb'",
        ),
        ("mqtt: {keepalive_s: true}", "1 mqtt.keepalive_s: expected a whole number from 1 to 3600, got 'true'"),
        ("mqtt: {keepalive_s:}", "1 mqtt.keepalive_s: expected a whole number from 1 to 3600, got nothing"),
        ("mqtt: {backoff_ms: 0}", "1 mqtt.backoff_ms: expected a number above 0 and at most 60000, got 0"),
        ("mqtt: {backoff_ms: nan}", "1 mqtt.backoff_ms: expected a number above 0 and at most 60000, got 'nan'"),
        ("dispatch: {lease_s: inf}", "1 dispatch.lease_s: expected a number of at least 30, got 'inf'"),
        ("dispatch: {ack_timeout_seconds: -1}", "1 dispatch.ack_timeout_seconds: expected a number above 0, got -1"),
        ("dispatch: {v1_signals: FCR}", "1 dispatch.v1_signals: expected a list of texts, got 'FCR'"),
        ("dispatch: {v1_signals: [[FCR]]}", "1 dispatch.v1_signals: expected a list of texts, got a list"),
        ("mqtt: {broker: [a]}", "1 mqtt.broker: expected text, got a list"),
        ("mqtt: {broker: {a: b}}", "1 mqtt.broker: expected text, got a section"),
        ("mqtt: {client_cert: [a]}", "1 mqtt.client_cert: expected a path, got a list"),
        ("telemetry: []", "1 telemetry: expected a section with keys such as 'mode:', got a list"),
        ("- mqtt", "1: expected sections such as 'mqtt:', got a list"),
        ("just text", "1: expected sections such as 'mqtt:', got 'just text'"),
        ("? [a, b]\n: 1", "1: expected a name as key, got a list"),
        ("broker: tcp://h:1", "1 broker: unknown key; did you mean mqtt.broker?"),
        ("mqtt: {keepalive: 5}", "1 mqtt.keepalive: unknown key; did you mean mqtt.keepalive_s?"),
        ("mqtt: {ack_timeout_seconds: 5}", "1 mqtt.ack_timeout_seconds: unknown key; did you mean dispatch.ack_timeout_seconds?"),
        ("socket: {zzz: 1}", "1 socket.zzz: unknown key; socket takes enabled, path"),
    ],
)
def test_a_wrong_value_says_where_what_was_expected_and_what_was_found(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [f"config.yaml:{problem}"]


def test_text_is_taken_as_it_is_written_not_as_yaml_would_read_it(tmp_path: Path) -> None:
    result = loaded(tmp_path, "mqtt:\n  client_id: 0123\n  username: no\n  lwt_payload: off\n  protocol: 5\n  password: 12345\n")
    mqtt = result.settings.mqtt
    assert (mqtt.client_id, mqtt.username, mqtt.lwt_payload, mqtt.protocol) == ("0123", "no", "off", "5")
    assert mqtt.password.get_secret_value() == "12345"


def test_secrets_never_appear_in_errors(tmp_path: Path) -> None:
    text = "mqtt:\n  password: [hunter2]\n  client_key_password: {hunter3: hunter4}\n"
    shown = "\n".join(problems(tmp_path, text))
    assert "hunter" not in shown
    assert "config.yaml:2 mqtt.password: expected text, got a list" in shown


def test_hostile_text_in_a_key_or_value_is_shown_escaped_and_short(tmp_path: Path) -> None:
    shown = "\n".join(problems(tmp_path, '"\\e[2Jx": 1\nmqtt: {lwt_retain: "' + "a" * 500 + '"}\n'))
    assert "\x1b" not in shown
    assert "\\x1b[2Jx: unknown key" in shown
    assert "a" * 100 not in shown


def test_relative_paths_start_at_the_files_folder_and_those_of_the_environment_at_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "ca.pem").touch()
    monkeypatch.chdir(tmp_path)
    path = Path("conf/config.yaml")
    path.write_text("mqtt: {ca_bundle: ca.pem}\n")
    result = load(path, {"V2G__SOCKET__PATH": "run/here.sock"})
    assert result.settings.mqtt.ca_bundle == tmp_path / "conf" / "ca.pem"
    assert result.settings.socket.path == tmp_path / "run" / "here.sock"


def test_an_empty_path_means_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, "mqtt: {ca_bundle: '', client_cert: }\n").settings.mqtt.ca_bundle is None


def test_the_environment_wins_over_the_file_and_a_list_is_written_with_commas(tmp_path: Path) -> None:
    text = "mqtt: {password: from-file}\ndispatch: {v1_signals: [FCR]}\n"
    result = loaded(tmp_path, text, V2G__MQTT__PASSWORD="from-env", V2G__DISPATCH__V1_SIGNALS="MA, NEBEF", PATH="/bin", V2G_OTHER="x")
    assert result.settings.mqtt.password.get_secret_value() == "from-env"
    assert result.settings.dispatch.v1_signals == ("MA", "NEBEF")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("V2G__MQTT", "mqtt: is a section: name a key in it, such as V2G__MQTT__BROKER"),
        ("V2G__", ": unknown key; `v2g-console config show` lists the keys"),
        ("V2G__MQTT__QOS__COMAND", "mqtt.qos.comand: unknown key; did you mean V2G__MQTT__QOS__COMMAND?"),
        ("V2G__ZZZ", "zzz: unknown key; `v2g-console config show` lists the keys"),
    ],
)
def test_an_unknown_variable_is_an_error(tmp_path: Path, name: str, problem: str) -> None:
    (line,) = problems(tmp_path, "", **{name: "1"})
    assert line == f"environment {name} {problem}" if not problem.startswith(":") else line == f"environment {name}{problem}"


def test_the_same_key_in_two_spellings_of_a_variable_is_an_error(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "", V2G__MQTT__BROKER="tcp://a", v2g__mqtt__broker="tcp://b")
    assert line == "environment v2g__mqtt__broker mqtt.broker: given twice: also as environment V2G__MQTT__BROKER"


def test_an_unreadable_file_and_a_wrong_variable_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml", {"V2G__METRICS__PORT_": "1"})
    first, second = caught.value.problems
    assert first.message == "can't be read: No such file or directory"
    assert second.key == "metrics.port_"


def test_many_problems_are_all_kept_and_fifty_are_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "".join(f"zz{number}: 1\n" for number in range(80)))
    assert len(caught.value.problems) == 80
    assert str(caught.value).splitlines()[-1] == "and 30 more"
