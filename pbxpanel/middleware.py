"""What every answer carries."""

from collections.abc import Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

# No inline script or style, nothing from elsewhere, not even a form sent elsewhere.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


@sync_and_async_middleware
def content_security_policy(get_response: Callable[..., object]) -> Callable[..., object]:
    """Set the Content-Security-Policy of each answer."""
    if iscoroutinefunction(get_response):

        async def aside(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = await get_response(request)
            response.headers["Content-Security-Policy"] = _POLICY
            return response

        return aside

    def beside(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        assert isinstance(response, HttpResponse)
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    return beside
