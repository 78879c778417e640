"""Which credentials the next connection is made with: the newest that can be used, else those that the broker last took.

Files change under a running engine (a certificate is renewed, a password replaced), sometimes halfway, sometimes wrongly. Whatever is
found in them, a connection that works is given up only for credentials that are complete by themselves, and if the broker refuses
those, the ones from before come back at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from v2g_console.config.settings import MqttSettings
from v2g_console.contract.link import LinkCause
from v2g_console.transport.causes import LinkEnd
from v2g_console.transport.connect_options import BrokerAddress, TransportConfigError
from v2g_console.transport.credentials import Credentials, Marks, credential_files, file_marks, read_credentials

log = logging.getLogger(__name__)

_THEIR_FAULT = (LinkCause.AUTH, LinkCause.TLS)  # ends that other credentials may avoid


class CredentialKeeper:
    """Belongs to one link and its loop. Constructing it reads and checks all files and raises `TransportConfigError`."""

    def __init__(self, settings: MqttSettings, address: BrokerAddress, utc: Callable[[], float] = time.time) -> None:
        self._settings, self._address, self._utc = settings, address, utc
        self.newest = read_credentials(settings, address, utc())
        """the last that could be read"""
        self.fault = ""
        """why the files as they are now are not used; "" if they are"""
        self.watched = bool(credential_files(settings))
        self._proven: Credentials | None = None  # the last that the broker took
        self._rejected: Marks | None = None  # files that can't be used or that the broker refused; not tried again until they change
        self._pending: Marks | None = None  # changed files, seen once: whoever renews writes several

    async def choose(self) -> Credentials:
        """For the next attempt. Raises `TransportConfigError` if nothing can be used."""
        proven = self._proven
        if proven is not None and await self._marks() == self._rejected:
            return proven
        try:
            self.newest = await self._read()
        except TransportConfigError as error:
            if proven is None or proven.expired(self._utc()):
                raise
            self._reject(await self._marks(), str(error))
            return proven
        return self.newest

    def worked(self, used: Credentials) -> None:
        """The broker took them."""
        if used is not self._proven:
            self._rejected, self.fault = None, ""
        self._proven, self._pending = used, None

    def failed(self, used: Credentials, end: LinkEnd) -> bool:
        """An attempt failed; True if it should be made again at once with the credentials from before."""
        if end.cause not in _THEIR_FAULT or self._proven is None:
            return False
        if used is self._proven:
            self._rejected = None  # these don't do either: next time what is in the files gets another chance
            return False
        self._reject(used.marks, end.text)
        return True

    async def changed(self) -> bool:
        """True once the files hold something new and usable, the same in two looks one after the other. Reads no more than marks mostly."""
        marks, proven = await self._marks(), self._proven
        if proven is None:
            return False
        if marks == proven.marks:
            self._rejected, self.fault, self._pending = None, "", None
            return False
        if marks == self._rejected:
            return False
        if marks != self._pending:
            self._pending = marks
            return False
        try:
            self.newest = await self._read()
        except TransportConfigError as error:
            self._reject(marks, str(error))
            return False
        return True

    def _reject(self, marks: Marks, why: str) -> None:
        if marks != self._rejected:
            log.error("changed credentials are not used, those from before still are: %s", why)
        self._rejected, self._pending, self.fault = marks, None, why

    async def _marks(self) -> Marks:
        return await asyncio.get_running_loop().run_in_executor(None, file_marks, self._settings)

    async def _read(self) -> Credentials:
        return await asyncio.get_running_loop().run_in_executor(None, read_credentials, self._settings, self._address, self._utc())
