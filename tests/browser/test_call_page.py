"""The page of a call, in a real Chromium: live from the first ring to the end, and to read after it; Asterisk 22."""

import re

from playwright.sync_api import Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

from .test_call_menus import card, open_menu, transfer_to

HOSTILE = "<img src=x onerror=document.title='pwned'>"


def steps(page: Page) -> list[str]:
    return [" ".join(words.split()) for words in page.locator("#call-steps .step-text").all_inner_texts()]


def test_a_call_is_followed_on_its_page_through_a_transfer_to_its_end(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "101", "ring")
    phone_factory(asterisk22, "104")
    ben = visit(panel22, "ben", "/calls/")
    call = caller_factory(asterisk22, "101", name=HOSTILE)
    caller, anna = f"{HOSTILE} 0401234567", "Anna Alpha 101"
    link = card(ben, "onerror").get_by_role("link", name=re.compile("^What happened in the call of"))
    address = str(link.get_attribute("href"))
    link.click()
    expect(ben).to_have_url(panel22.url + address)
    expect(ben.locator("#call-card .call-state")).to_have_text("Ringing")
    # Where in the dialplan its legs are is open here.
    expect(ben.locator("#call-card .leg").first).to_be_visible()
    expect(ben.locator("#call-card .leg").first).to_contain_text("101@from-outside")
    expect(ben.locator("#call-steps .step")).to_have_count(2)
    assert steps(ben) == [f"{caller} dials 101", f"{anna} rings"]
    # The same verbs as on the card; what is typed stays while the ladder grows.
    items = open_menu(ben, "onerror")
    items.get_by_role("button", name="Transfer").click()
    transfer_to(ben, "104")
    expect(ben.locator("#call-card .call-state")).to_have_text("Talking")
    expect(ben.locator("#call-steps")).to_contain_text("is transferred to 104 by ben")
    expect(ben.locator("#call-steps")).to_contain_text("Dora Delta 104 answers")
    expect(ben).to_have_url(panel22.url + address)
    call.stop()
    expect(ben.locator("#call-facts")).to_contain_text("This call is over.")
    expect(ben.locator("#call-card .call")).to_have_count(0)
    expect(ben.locator("#call-steps .step.is-left", has_text=f"{caller} hangs up")).to_have_count(1)
    expect(ben.locator("#call-steps .step.is-left")).to_have_count(1)
    said = steps(ben)
    # It can be read as long as it is kept, by whoever may see calls; and nobody's name is more than text.
    assert ben.title() == f"Call of {caller}, {anna} · PBX Panel"
    for who in ("ben", "vic"):
        reader = visit(panel22, who, address)
        expect(reader.locator("#call-facts")).to_contain_text("This call is over.")
        assert steps(reader) == said
        assert "pwned" not in reader.title().replace(HOSTILE, "")
    assert visit(panel22, "nobody", address).locator("#call-steps").count() == 0


def test_the_variables_of_a_leg_are_seen_and_set_by_whoever_may(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    anna, ben = visit(panel22, "anna", "/calls/"), visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "602", name="Carla")
    address = str(card(anna, "Carla").locator(".call-open").get_attribute("href"))
    (channel,) = asterisk22.channels()
    with asterisk22.ami() as session:
        session.action("Setvar", Channel=channel, Variable="GREETING", Value=HOSTILE)
    anna.goto(f"{panel22.url}{address}")
    expect(anna.locator("#variables-form")).to_be_hidden()
    anna.locator(".leg-variables").click()
    expect(anna).to_have_url(panel22.url + address)
    expect(anna.locator("#variables-all")).to_contain_text(HOSTILE)
    expect(anna.locator("#variables-channel")).to_have_value(channel)
    anna.get_by_role("button", name="Use GREETING in the form").click()
    anna.locator("#variables-value").fill("Hello")
    anna.get_by_role("button", name="Set", exact=True).click()
    expect(anna.locator("#variables-result")).to_contain_text("Hello")
    assert "pwned" not in anna.title()
    with asterisk22.ami() as session:
        assert session.action("Getvar", Channel=channel, Variable="GREETING")["Value"] == "Hello"
    ben.goto(f"{panel22.url}{address}")
    expect(ben.locator("#call-card .leg")).to_be_visible()
    expect(ben.locator(".leg-variables")).to_be_hidden()
    expect(ben.locator("#variables")).to_have_count(0)


def test_the_address_of_a_call_that_joins_another_leads_there(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    vic = visit(panel22, "vic", "/calls/")
    addresses = {}
    for name, number in (("Carla", "0401234567"), ("Dietmar", "0407654321")):
        caller_factory(asterisk22, "602", number=number, name=name)
        expect(card(vic, name).locator(".call-state")).to_have_text("Connected")
        addresses[name] = str(card(vic, name).locator(".call-open").get_attribute("href"))
    assert len(set(addresses.values())) == 2
    card(vic, "Dietmar").locator(".call-open").click()
    expect(vic.locator("#call-steps")).to_contain_text("Dietmar 0407654321 dials 602")
    with asterisk22.ami() as session:
        one, two = asterisk22.channels()
        session.action("Bridge", Channel1=one, Channel2=two)
    expect(vic.locator("#call-facts")).to_contain_text("This call goes on as part of another one.")
    vic.locator("#call-facts").get_by_role("link", name="Go to that call").click()
    expect(vic).to_have_url(panel22.url + addresses["Carla"])
    expect(vic.locator("#call-steps")).to_contain_text("Another call joins this one: Dietmar 0407654321")
    expect(vic.locator("#call-steps")).to_contain_text("Carla 0401234567 and Dietmar 0407654321 are connected")
    again = visit(panel22, "vic", addresses["Dietmar"])
    expect(again).to_have_url(panel22.url + addresses["Carla"])
