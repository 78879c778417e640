"""The broker's address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_console.config.broker_url import parse_broker_url


@pytest.mark.parametrize(
    ("text", "whole", "tls", "loopback"),
    [
        ("tcp://127.0.0.1:1883", "tcp://127.0.0.1:1883", False, True),
        ("mqtt://localhost", "mqtt://localhost:1883", False, True),
        ("ssl://Broker.example:8884", "ssl://broker.example:8884", True, False),
        ("MQTTS://broker", "mqtts://broker:8883", True, False),
        ("ssl://[2001:db8::1]", "ssl://[2001:db8::1]:8883", True, False),
        ("tcp://[::1]:1/", "tcp://[::1]:1", False, True),
        ("tcp://127.8.8.8", "tcp://127.8.8.8:1883", False, True),
        ("tcp://localhost.example", "tcp://localhost.example:1883", False, False),
    ],
)
def test_an_address_has_scheme_host_and_port(text: str, whole: str, tls: bool, loopback: bool) -> None:
    url = parse_broker_url(text)
    assert (str(url), url.tls, url.loopback) == (whole, tls, loopback)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "broker",
        "http://broker",
        "tcp://",
        "tcp://:1883",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://h:abc",
        "tcp://h:-1",
        "tcp://h/path",
        "tcp://h?x=1",
        "tcp://h#x",
        "tcp://[::1",
        "tcp://a b",
        "tcp://a\\b",
        "tcp://user@h",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_broker_url(text)


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="expected no user name") as caught:
        parse_broker_url("ssl://user:geheim@broker")
    assert "geheim" not in str(caught.value)


@given(st.text(alphabet="tcpsl:/[]@.%1a0 \x00é#?", max_size=40))
def test_no_text_does_worse_than_value_error(text: str) -> None:
    try:
        assert parse_broker_url("tcp://" + text).host
    except ValueError as error:
        assert str(error).startswith("expected")
