"""A socket that writes and reads in large pieces. paho sends and receives packet by packet, one to three system calls each."""

import socket
import ssl

READ_BYTES = 65_536
HIGH_WATER_BYTES = 262_144
_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class BufferedSocket:
    """What paho calls a SocketLike: `send` collects until `flush`, `recv` serves the packet put in by `feed`. Never blocks."""

    def __init__(self, sock: socket.socket) -> None:
        """`sock` is connected; it becomes non-blocking."""
        sock.setblocking(False)
        self.raw = sock
        self.outgoing = bytearray()
        self.error: Exception | None = None
        """what ended the connection, None for a clean end of stream"""
        self._fed = b""
        self._fed_at = 0

    def recv(self, buffer_size: int) -> bytes:
        """The next bytes of the packet in turn, for paho's parser. Raises BlockingIOError when it is used up."""
        piece = self._fed[self._fed_at : self._fed_at + buffer_size]
        if not piece:
            raise BlockingIOError
        self._fed_at += len(piece)
        return piece

    def feed(self, packet: bytes) -> None:
        """Give paho one whole packet to read."""
        self._fed = packet
        self._fed_at = 0

    def read(self) -> bytes | None:
        """What has arrived, at most 64 KiB; None if nothing has, b"" at the end of the stream. Raises OSError."""
        try:
            return self.raw.recv(READ_BYTES)
        except _AGAIN:
            return None

    def decrypted(self) -> bool:
        """True if TLS holds bytes that the selector can't see."""
        return isinstance(self.raw, ssl.SSLSocket) and self.raw.pending() > 0

    def send(self, buffer: bytes | bytearray) -> int:
        """Take all of `buffer`, to be written at the next `flush`. Raises BlockingIOError while too much is waiting."""
        if len(self.outgoing) > HIGH_WATER_BYTES:
            raise BlockingIOError
        self.outgoing += buffer
        return len(buffer)

    def flush(self) -> bool:
        """Write what the system takes; True if nothing is left. Raises OSError."""
        while self.outgoing:
            try:
                written = self.raw.send(self.outgoing)
            except _AGAIN:
                return False
            del self.outgoing[:written]
        return True

    def fileno(self) -> int:
        """The descriptor, -1 once closed."""
        return self.raw.fileno()

    def setblocking(self, flag: bool) -> None:
        """Ignored: it never blocks (paho asks for just that)."""

    def close(self) -> None:
        """Write what can still be written without waiting (a DISCONNECT, mostly) and close."""
        try:
            if self.error is None:
                self.flush()
        except OSError as error:
            self.error = error
        finally:
            self.raw.close()
