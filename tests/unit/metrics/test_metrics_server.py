"""/metrics over a real socket."""

import http.client
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from v2g_console.metrics import Metrics
from v2g_console.metrics import server as server_module
from v2g_console.metrics.server import MetricsPortError, MetricsServer

HOST = "127.0.0.1"


@pytest.fixture
def port() -> Iterator[int]:
    metrics = Metrics()
    metrics.dispatch_ended("FCR", "completed", 60, 57)
    server = MetricsServer(metrics, HOST, 0)
    yield server.start()
    server.stop()


def ask(port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Status, content type and body."""
    with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"] or "", response.read().decode()


def test_metrics_are_served_on_any_free_port(port: int) -> None:
    status, kind, body = ask(port, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert 'vehicles_dispatched_total{signal_type="FCR"} 60.0' in body


def test_a_scraper_may_ask_for_openmetrics(port: int) -> None:
    status, kind, body = ask(port, "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert (status, kind.split(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_a_query_does_not_hide_the_path(port: int) -> None:
    assert ask(port, "/metrics?debug=1")[0] == 200


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metricsx", "/../etc/passwd", "/favicon.ico"])
def test_other_paths_are_not_found(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


def test_nothing_can_be_posted(port: int) -> None:
    assert ask(port, "/metrics", "POST")[0] == 501


def test_scrapes_and_broken_scrapes_leave_no_trace_in_log_or_on_the_screen(
    port: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    ask(port, "/metrics")
    ask(port, "/nothing")
    with socket.create_connection((HOST, port), timeout=5) as rude:
        rude.sendall(b"\x16\x03\x01 not http at all\r\n\r\n")
        rude.recv(100)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_named_with_its_key() -> None:
    with socket.create_server((HOST, 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(MetricsPortError, match=f"127.0.0.1:{number}: another program uses this port; set metrics.port"):
            MetricsServer(Metrics(), HOST, number).start()


@pytest.mark.parametrize("host", ["192.0.2.1", "no..host"])
def test_a_host_that_is_not_this_machine_is_named_with_its_key(host: str) -> None:
    with pytest.raises(MetricsPortError, match=r"metrics\.host must be an address of this machine"):
        MetricsServer(Metrics(), host, 0).start()


def test_after_stop_nobody_listens_and_the_thread_is_gone() -> None:
    server = MetricsServer(Metrics(), HOST, 0)
    port = server.start()
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)
    assert not any(thread.name == "metrics" for thread in threading.enumerate())


def test_connections_that_say_nothing_do_not_pile_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = [socket.create_connection((HOST, port), timeout=5) for _ in range(server_module._MOST_CONNECTIONS)]
    with socket.create_connection((HOST, port), timeout=5) as above:
        assert above.recv(1) == b""
    for connection in silent:
        connection.close()
    # A thread may take a moment to see its caller gone; a scrape then finds room again.
    for _ in range(1000):
        try:
            assert ask(port, "/metrics")[0] == 200
            return
        except (http.client.HTTPException, ConnectionError):
            continue
    pytest.fail("no room for a scrape although nobody is connected")


def test_a_request_that_only_drips_is_hung_up_on(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_LONGEST_S", 0.3)
    with socket.create_connection((HOST, port), timeout=5) as slow:
        begun_at = time.monotonic()
        ended = False
        for letter in b"GET /metrics HTTP/1.1\r\nX-Slow: " + b"a" * 100:
            slow.settimeout(0.02)
            try:
                slow.send(bytes([letter]))
                ended = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            if ended:
                break
    assert ended
    assert time.monotonic() - begun_at >= 0.3
    assert ask(port, "/metrics")[0] == 200


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: " + b"b" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
    ],
)
def test_an_oversized_request_is_refused_without_being_kept(port: int, request_bytes: bytes, status: bytes) -> None:
    with socket.create_connection((HOST, port), timeout=5) as greedy:
        greedy.sendall(request_bytes)
        greedy.shutdown(socket.SHUT_WR)
        try:
            answer = greedy.recv(100)
        except ConnectionResetError:  # it did not even read all of it
            answer = b"HTTP/1.0 " + status
    assert status in answer
    assert ask(port, "/metrics")[0] == 200
