"""What static files are served with beside what WhiteNoise says of each. The settings import it."""

from wsgiref.headers import Headers


def for_other_pages(headers: Headers, path: str, url: str) -> None:
    """Lets pages of others load the script of the button, also those that load nothing without its permission."""
    if url.rpartition("/")[2].startswith("click-to-call."):
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
