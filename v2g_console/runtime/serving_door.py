"""Who may open the served console: a token once, a cookie from then on; and only from its own page."""

import hmac
import secrets
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""The page loads nothing from elsewhere, is framed by nobody, and tells nobody where the visitor came from."""


class Door:
    """Checks every request. The cookie is a secret of this run, not the token: services on other ports of the host see cookies too."""

    def __init__(self, token: str, public_url: str) -> None:
        """`public_url`: the address visitors use; a request for another name is refused (DNS rebinding), as is a foreign page's socket."""
        address = urlsplit(public_url)
        self._token = token.encode()
        self._cookie = secrets.token_urlsafe(32)
        self._name = f"v2g_console_{address.port or address.scheme}"
        self._host = address.netloc.lower()
        self._origin = f"{address.scheme}://{self._host}"
        self._secure = address.scheme == "https"

    def middleware(self) -> Middleware:
        """For `web.Application.middlewares`."""

        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._check(request, handler)

        return door

    async def add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """For `web.Application.on_response_prepare`."""
        response.headers.update(_HEADERS)

    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host.lower() != self._host:
            raise web.HTTPForbidden(text=f"this console is at {self._origin}/")
        origin = request.headers.get("Origin")
        if (origin is None and request.path == "/ws") or (origin is not None and origin.lower() != self._origin):
            raise web.HTTPForbidden(text="another page's request")
        offered = request.query.get("token")
        if offered is not None and request.path == "/":
            return self._let_in(offered)
        if not hmac.compare_digest(request.cookies.get(self._name, "").encode(), self._cookie.encode()):
            raise web.HTTPUnauthorized(text="open the address that v2g-console serve printed, with its token")
        return await handler(request)

    def _let_in(self, offered: str) -> web.StreamResponse:
        if not hmac.compare_digest(offered.encode(), self._token):
            raise web.HTTPUnauthorized(text="wrong token")
        response = web.Response(status=303, headers={"Location": "/"})  # the token leaves the address bar
        response.set_cookie(self._name, self._cookie, httponly=True, samesite="Lax", secure=self._secure, path="/")
        return response
