"""What an open page shows, and when it last changed: a page that is live must equal one that is fetched now."""

from typing import Any

from playwright.sync_api import Page

# The rows, without what differs by itself from one moment to the next.
_ROWS = """() => [...document.querySelectorAll(".call, .participant")].map((row) => {
    const twin = row.cloneNode(true);
    for (const clock of twin.querySelectorAll("time")) clock.remove();
    return [row.id, twin.className, twin.textContent.replace(/\\s+/g, " ").trim()];
})"""

# Notes when the rows last changed, by the clock of this machine; a clock that ticks is no change.
_WATCH = """() => {
    window.changedAt = 0;
    new MutationObserver((changes) => {
        if (changes.some((change) => !change.target.closest?.("time"))) window.changedAt = Date.now();
    }).observe(document.getElementById("content"), {childList: true, subtree: true});
}"""


def rows(page: Page) -> Any:
    return page.evaluate(_ROWS)


def fresh(page: Page, url: str = "") -> Any:
    """The rows of this page (or of this URL) as the server renders it now, in a tab of its own."""
    other = page.context.new_page()
    try:
        other.goto(url or page.url, wait_until="domcontentloaded")
        return rows(other)
    finally:
        other.close()


def differing(shown: list[Any], expected: list[Any]) -> str:
    more = [row for row in shown if row not in expected]
    less = [row for row in expected if row not in shown]
    return f"shows {more}, lacks {less}, in this order: {[row[0] for row in shown]}, not {[row[0] for row in expected]}"


def watch(page: Page) -> None:
    page.evaluate(_WATCH)


def changed_at(page: Page) -> float:
    """When the rows last changed since `watch`, in seconds of `time.time`; 0: never."""
    return float(page.evaluate("changedAt")) / 1000
