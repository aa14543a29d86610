"""Static files without Django's chain: that takes each request to three threads and back, and a page asks for forty."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from .middleware import ContentSecurityPolicy

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class StaticFilesFirst:
    """An ASGI application for HTTP: answers for a static file as the middleware of WhiteNoise would, with the headers
    of those before it, and leaves all else to `application`: also what is to be redirected to HTTPS, and, with `DEBUG`,
    every file, since there files may come and change.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.security, self.policy = SecurityMiddleware(_nothing), ContentSecurityPolicy(_nothing)

    @cached_property
    def files(self) -> Mapping[str, StaticFile]:
        """Path → file, of all that `collectstatic` has collected."""
        found: Mapping[str, StaticFile] = WhiteNoiseMiddleware(None).files
        return found

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if file := self.files.get(scope["path"]):
            request = ASGIRequest(scope, BytesIO())
            if request.is_secure() or not settings.SECURE_SSL_REDIRECT:
                await _send(self._response(request, file), send)
                return
        await self.application(scope, receive, send)

    def _response(self, request: HttpRequest, file: StaticFile) -> HttpResponse:
        found, body = file.get_response(request.method, request.META), b""
        if found.file is not None:
            with found.file:
                body = found.file.read()
        response = HttpResponse(body, status=found.status)
        del response.headers["Content-Type"]
        for name, value in found.headers:
            response.headers[name] = value
        self.security.process_response(request, response)
        self.policy.process_response(request, response)
        return response


def _nothing(request: HttpRequest) -> HttpResponse:
    """What these middlewares would ask, were they asked for more than their headers."""
    raise NotImplementedError


async def _send(response: HttpResponse, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
