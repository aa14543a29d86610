"""Nothing moves under the pointer: what changes its place waits until the pointer has left."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory
from tests.panel import Panel, Visit
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)


def work_with_pointer(page: Page, at: Locator) -> None:
    """From now on the pointer moves a little, over this one, until it `rests`."""
    at.hover()
    page.evaluate("() => { window.working = setInterval(() => dispatchEvent(new Event('pointermove')), 100); }")


def rest(page: Page) -> None:
    page.evaluate("() => clearInterval(window.working)")
    page.mouse.move(2, 2)


def top(found: Locator) -> float:
    box = found.bounding_box()
    assert box is not None
    return box["y"]


def expect_names(cards: Locator, *names: str) -> None:
    expect(cards.locator(".party:first-child .party-label")).to_have_text([re.compile(name) for name in names])


def do(asterisk: Asterisk, name: str, action: str, **headers: str) -> None:
    """An AMI action on the channel of the caller of this name."""
    with asterisk.ami() as ami:

        def channels() -> list[str]:
            wanted = {"Variable": "CALLERID(name)"}
            return [one for one in asterisk.channels() if ami.action("Getvar", Channel=one, **wanted)["Value"] == name]

        until(channels)
        ami.action(action, Channel=channels()[0], **headers)


def redirect(asterisk: Asterisk, name: str, extension: str) -> None:
    do(asterisk, name, "Redirect", Context="internal", Exten=extension, Priority="1")


def test_a_call_that_comes_between_others_waits_at_the_end_while_the_pointer_is_at_work(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "anna", "/calls/?state=waiting")
    caller_factory(asterisk, "602", number="0401", name="Older")
    expect(page.locator("#count-of-all")).to_have_text("1")
    caller_factory(asterisk, "611", number="0402", name="Newer")
    cards = page.locator("#calls > .call:not(.is-ended)")
    expect_names(cards, "Newer")
    newer = page.locator(".call", has_text="Newer")
    work_with_pointer(page, newer)
    before = top(newer)
    redirect(asterisk, "Older", "611")
    expect_names(cards, "Newer", "Older")
    assert top(newer) == before
    # What changes of one that is out of its order leaves it there.
    do(asterisk, "Older", "Setvar", Variable="CALLERID(name)", Value="Oldest")
    expect_names(cards, "Newer", "Oldest")
    rest(page)
    expect_names(cards, "Oldest", "Newer")
    expect(page.locator("#calls > .call")).to_have_count(2)


def test_a_call_that_goes_to_another_list_leaves_its_place_while_the_pointer_is_at_work(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "vic", viewport={"width": 600, "height": 900})
    caller_factory(asterisk, "603", number="0401", name="First")
    ringing = page.locator("#ringing-calls > .call")
    expect(ringing).to_have_count(1)
    caller_factory(asterisk, "603", number="0402", name="Second")
    expect_names(ringing, "First", "Second")
    second = ringing.filter(has_text="Second")
    work_with_pointer(page, second)
    before = top(second)
    redirect(asterisk, "First", "611")
    expect(ringing.filter(has_text="First")).to_have_class(re.compile("is-ended"))
    expect(page.locator("#waiting-calls > .call")).to_have_count(1)
    assert top(second) == before
    # Its copy is dead: it has no id, and no button of it can be reached.
    expect(ringing.filter(has_text="First")).to_have_attribute("inert", "")
    assert page.evaluate("() => document.querySelectorAll('.is-ended [id], .is-ended[id]').length") == 0
    rest(page)
    expect_names(ringing, "Second")
    expect(page.locator(".home section:visible h2")).to_have_text(["Ringing", "Waiting"])
    expect_names(page.locator("#waiting-calls > .call"), "First")
