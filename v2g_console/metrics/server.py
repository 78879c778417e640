"""/metrics over HTTP, on a thread of its own."""

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from v2g_console.metrics.registry import Metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_MOST_CONNECTIONS: Final = 8
_READ_S: Final = 5.0
_LONGEST_S: Final = 15.0
"""A scrape that isn't over by then is hung up on, however busily it drips."""

_log = logging.getLogger(__name__)


class MetricsPortError(OSError):
    """The address can't be listened on; the message names it and the configuration key."""


class MetricsServer:
    """Serves `metrics` at http://host:port/metrics between `start` and `stop`. Port 0 takes any free one."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        self._metrics = metrics
        self._host = host
        self._port = port
        self._http: _Http | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Listen, and return the port. Raises MetricsPortError."""
        try:
            family, _, _, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self._http = _Http(family, (str(address[0]), int(address[1])), self._metrics)
        except (OSError, UnicodeError) as error:
            raise MetricsPortError(_listen_text(error, self._host, self._port)) from error
        self._thread = threading.Thread(target=partial(self._http.serve_forever, poll_interval=0.1), name="metrics", daemon=True)
        self._thread.start()
        return int(self._http.server_address[1])

    def stop(self) -> None:
        """Stop listening and wait for the thread. Idempotent."""
        if self._http is None or self._thread is None:
            return
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http = self._thread = None


def _listen_text(error: OSError | UnicodeError, host: str, port: int) -> str:
    where = f"metrics can't be served at {host}:{port}"
    if isinstance(error, UnicodeError):
        return f"{where}: this is no host name; metrics.host must be an address of this machine"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{where}: {error.strerror}; metrics.host must be an address of this machine"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: another program uses this port; set metrics.port to another one, or to 0 for any free one"
    if error.errno == errno.EACCES:
        return f"{where}: not permitted; set metrics.port to 1024 or above"
    return f"{where}: {error.strerror or error}; check metrics.host and metrics.port"


class _Http(ThreadingHTTPServer):
    """A thread for each connection, a handful at once; whoever comes above that is hung up on."""

    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int], metrics: Metrics) -> None:
        self.address_family = family
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._since: dict[socket.socket, float] = {}  # monotonic; open connections
        super().__init__(address, partial(_Handler, metrics=metrics))

    def server_bind(self) -> None:
        """Bind, without the look-up of the host's name in DNS that the library adds: it can take many seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve on a thread, if one is free."""
        if self._free.acquire(blocking=False):
            self._since[request] = time.monotonic()
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def service_actions(self) -> None:
        """Several times a second: a timeout a read does not end a client who sends a byte now and then."""
        now = time.monotonic()
        for connection, since in list(self._since.items()):
            if now - since > _LONGEST_S:
                with suppress(OSError):  # it may just have ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, then free its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._since.pop(request, None)
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that hangs up early is no error of ours."""
        _log.debug("a scrape broke off", exc_info=True)


def _encoder(accept: str) -> tuple[Callable[["CollectorRegistry"], bytes], str]:
    """How to write the metrics for this client; loads the client library, which a start-up should not wait for."""
    from prometheus_client.exposition import choose_encoder

    return choose_encoder(accept)


class _Handler(BaseHTTPRequestHandler):
    """GET /metrics, and nothing else."""

    server_version = "v2g-console"
    sys_version = ""
    timeout = _READ_S

    def __init__(self, *args: Any, metrics: Metrics) -> None:
        self._metrics = metrics
        super().__init__(*args)

    def do_GET(self) -> None:
        """The metrics in the format that the scraper asks for; 404 for any other path."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND, explain="only /metrics is served here")
            return
        encode, content_type = _encoder(self.headers.get("Accept") or "")
        body = encode(self._metrics.registry)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""
