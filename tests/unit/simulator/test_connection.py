"""The options of the simulator become the connection settings of each client."""

from pathlib import Path
from typing import Any

import pytest

from v2g_console.config.settings import AuthMethod
from v2g_console.simulator.connection import mqtt_settings
from v2g_console.simulator.options import SimulateOptions

CERTIFICATE = {"client_cert": Path("veh.crt"), "client_key": Path("veh.key"), "ca_bundle": Path("ca.crt")}


@pytest.mark.parametrize(
    ("options", "method", "use_tls"),
    [
        ({"broker": "mqtt://127.0.0.1:1883"}, AuthMethod.NONE, False),
        ({"broker": "tcp://127.0.0.1", "username": "fleet", "password_file": Path("pw")}, AuthMethod.USERNAME_PASSWORD, False),
        ({"broker": "mqtts://broker.example", "ca_bundle": Path("ca.crt")}, AuthMethod.NONE, True),
        ({"broker": "ssl://broker.example:8883", **CERTIFICATE}, AuthMethod.TLS, True),
        ({"broker": "ssl://broker.example:8883", "username": "fleet", "password_file": Path("pw"), **CERTIFICATE}, AuthMethod.BOTH, True),
    ],
)
def test_credentials_choose_the_way_to_show_who_it_is(options: dict[str, Any], method: AuthMethod, use_tls: bool) -> None:
    settings = mqtt_settings(SimulateOptions(**options), "veh000001")
    assert (settings.auth_method, settings.use_tls, settings.client_id) == (method, use_tls, "veh000001")
    assert settings.client_cert == options.get("client_cert")
    assert settings.password_file == options.get("password_file")
