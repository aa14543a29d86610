"""Pages of others: a web server of its own, so that they are of another origin than the panel."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head><meta charset="utf-8"><title>A page of others</title>
<script src="{panel}/static/click-to-call.js" {options} defer></script></head>
<body style="font-family: serif">{body}</body>
</html>
"""


class OtherPages:
    """What a test puts into `pages`, by path, is served as HTML with these `headers`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pages: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def origin(self, host: str = "localhost") -> str:
        """By `localhost` the pages are of another site than a panel at 127.0.0.1, else only of another port."""
        return f"http://{host}:{self.port}"

    def with_button(self, panel: str, body: str, *, in_page: bool = False, language: str = "en") -> None:
        """At `/`, a page with the script of the button."""
        options = "data-in-page" if in_page else ""
        self.pages["/"] = PAGE.format(panel=panel, body=body, options=options, language=language)


@contextmanager
def other_pages(pages: Mapping[str, str] | None = None) -> Iterator[OtherPages]:
    """A web server for pages of others, on a port that was free."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            html = served.pages.get(urlsplit(self.path).path)
            self.send_response(404 if html is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            for name, value in served.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write((html or "").encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = OtherPages(server.server_address[1])
    served.pages |= pages or {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
