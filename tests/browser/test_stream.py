"""A page of another port reads the stream of events by a token; one that the token does not allow reads nothing."""

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.lab.asterisk import free_port
from tests.panel import Panel, come_in

pytestmark = [pytest.mark.timeout(120)]

_TOKEN = """
from django.contrib.auth.models import User
from api import tokens
user = User.objects.get(username="anna")
print(tokens.make(user, user, name="Shop", scopes=["calls.see_calls"], origins={origin!r})[1])
"""
# Reads until an event of a call has come; the text, or why nothing came.
_READ = """
async ({ address, headers, credentials }) => {
  let answer;
  try {
    answer = await fetch(address, { headers, credentials });
  } catch (error) {
    return String(error);
  }
  if (!answer.ok) return (await answer.json()).type;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("event: call.")) text += (await reader.read()).value;
  await reader.cancel();
  return text;
}
"""


class Nothing(http.server.BaseHTTPRequestHandler):
    """A page without anything, whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>CRM</title>")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Any) -> Iterator[Panel]:
    """A panel on the demo PBX, in which there are calls all the time."""
    panel = Panel(tmp_path, {})
    panel.prepare()
    panel.start()
    try:
        yield panel
    finally:
        panel.stop()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The origin of a page of another port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Nothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def token(panel: Panel, origin: str) -> str:
    return panel.shell(_TOKEN.format(origin=origin))


def read(page: Page, panel: Panel, query: str = "", **headers: str) -> str:
    """By the token in these headers; without one, by the cookie of who is logged in."""
    credentials = "omit" if headers else "include"
    asked = {"address": f"{panel.url}/api/v1/events?{query}", "headers": headers, "credentials": credentials}
    return str(page.evaluate(_READ, asked))


def test_a_page_of_another_port_reads_by_a_token_and_no_page_without(
    served: Panel, elsewhere: str, browser: Browser
) -> None:
    with browser.new_context() as context:
        come_in(context, served, "anna").close()  # her cookie is there, which must not count
        page = context.new_page()
        page.goto(elsewhere)
        mine = {"Authorization": f"Bearer {token(served, elsewhere)}"}
        text = read(page, served, "types=call.*", **mine)
        assert "event: call." in text
        first = text.partition("\n\n")[0].partition("id: ")[2]
        again = read(page, served, **{**mine, "Last-Event-ID": first})
        assert again.startswith(f"retry: 2000\nid: {first}\n")
        assert read(page, served, "types=sung", **mine) == "/api/v1/problems/bad-input"

        others = {"Authorization": f"Bearer {token(served, 'https://shop.example.org')}"}
        # A page that may use a token may read why another one does not work, and nothing without any.
        assert read(page, served, **others) == "/api/v1/problems/origin-not-allowed"
        assert read(page, served) == "TypeError: Failed to fetch"
