"""What another part of the panel refuses of a request to the API, such as an address that is none, is a problem too."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from .problems import CONTENT_TYPE, OF_CODE, Problem

PREFIX = "/api/v1/"
# The pages among the API's addresses.
PAGES = (f"{PREFIX}docs", f"{PREFIX}problems/")


class ProblemDetails(MiddlewareMixin):
    """Puts problem details in the place of whatever page says that something went wrong."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = OF_CODE.get(response.status_code)
        if kind is None or not request.path.startswith(PREFIX) or request.path.startswith(PAGES):
            return response
        if response.headers.get("Content-Type") == CONTENT_TYPE:
            return response
        kept = {name: response.headers[name] for name in ("Allow", "Vary") if name in response.headers}
        return Problem(kind, headers=kept).response()
