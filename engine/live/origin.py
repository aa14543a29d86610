"""Whose pages may open a socket: those of the panel itself, at this scheme, host and port, and of nobody else.

A browser sends its cookies to every port of a host, so another program on the same machine is another site.
"""

from io import BytesIO
from typing import Any

from channels.security.websocket import WebsocketDenier
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest


class OwnOriginOnly:
    """Refuses a handshake whose `Origin` is not that of the address it was sent to, as Django does with a form."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        application = self.application if _is_own(scope) else WebsocketDenier()
        return await application(scope, receive, send)


def _is_own(scope: dict[str, Any]) -> bool:
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    request = ASGIRequest({**scope, "method": "GET", "query_string": b""}, BytesIO())
    try:
        own = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return False
    return [origin.decode("latin1").lower() for origin in origins] == [own.lower()]
