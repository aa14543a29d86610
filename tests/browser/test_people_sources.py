"""People from elsewhere, in a real Chromium: a photo that is made smaller there, and whom a real Asterisk knows."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.test_people import directory, shown
from tests.browser.test_rooms import WIDTHS, is_within
from tests.extensions.people.test_ldap import LI, ZOE
from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit
from tests.servers import OpenLDAP

__all__ = ["directory"]  # a fixture
_EMPTY = "from extensions.people.models import Person; Person.objects.all().delete()"


@pytest.fixture
def nobody(panel22: Panel) -> Iterator[Panel]:
    """A panel with an empty directory, before and after."""
    panel22.shell(_EMPTY)
    yield panel22
    panel22.shell(_EMPTY)


@pytest.mark.parametrize("width", WIDTHS)
def test_whom_the_pbx_knows_is_seen_before_it_is_imported(
    asterisk22: Asterisk, nobody: Panel, visit: Visit, width: str
) -> None:
    page = visit(nobody, "anna", "/people/directory/", viewport=WIDTHS[width])
    page.get_by_role("button", name="Look into main").click()
    new = page.get_by_role("region", name="New")
    expect(new).to_contain_text("Anna Alpha")
    expect(new).to_contain_text("李雷")
    assert is_within(page)
    page.get_by_role("button", name="Import this").click()
    expect(page.locator(".people-list")).to_contain_text("Anna Alpha")
    page.goto(f"{nobody.url}/people/")
    expect(page.locator(".tile", has_text="Anna Alpha")).to_be_visible()
    page.goto(f"{nobody.url}/people/import/")
    page.get_by_role("button", name="Undo the last import").click()
    expect(page.get_by_text("Nobody is in the directory yet.")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_an_administrator_has_ldap_read_at_once_and_sees_what_comes_of_it(
    openldap: OpenLDAP, tmp_path: Path, visit: Visit, width: str
) -> None:
    folder = tmp_path / "panel"
    folder.mkdir()
    openldap.ldif(ZOE + LI)
    panel = Panel(folder, {
        "LDAP_URL": openldap.tls_url, "LDAP_BASE": openldap.BASE, "LDAP_CA": str(openldap.ca_file),
        "LDAP_BIND_DN": openldap.USER, "LDAP_PASSWORD": openldap.PASSWORD, "LDAP_MINUTES": "0",
    })  # fmt: skip
    panel.prepare()
    try:
        panel.start()
        page = visit(panel, "anna", "/people/directory/", viewport=WIDTHS[width])
        told = page.locator("#people-ldap")
        expect(told.locator("summary")).to_contain_text("It was not read yet.")
        told.get_by_role("button", name="Read LDAP now").press("Enter")
        expect(told.get_by_role("status")).to_have_text("LDAP: 2 added, 0 changed, 0 unchanged, 0 refused; 0 gone.")
        expect(told.get_by_role("button", name="Read LDAP now")).to_be_focused()
        assert is_within(page)
        told.get_by_role("link", name="Show people as they are now").press("Enter")
        expect(page.locator(".people-list")).to_contain_text("Zoë Müller")
        openldap.kill()
        told.get_by_role("button", name="Read LDAP now").press("Enter")
        expect(told.get_by_role("status")).to_contain_text("The LDAP server cannot be reached")
        expect(told.locator("summary")).to_contain_text("The LDAP server cannot be reached")
        assert is_within(page)
    finally:
        panel.stop()


def test_a_photo_larger_than_a_request_is_made_smaller_and_shown(
    asterisk22: Asterisk, directory: Panel, visit: Visit
) -> None:
    out = io.BytesIO()
    Image.frombytes("RGB", (1500, 1200), os.urandom(1500 * 1200 * 3)).save(out, "PNG")
    assert len(out.getvalue()) > 5_000_000
    page = visit(directory, "anna", "/people/directory/?q=Anna+Alpha")
    page.locator(".people-list a", has_text="Anna Alpha").click()
    file = page.get_by_label("Picture file")
    file.set_input_files({"name": "party.png", "mimeType": "image/png", "buffer": out.getvalue()})
    # It is another file by then.
    expect(file).to_have_value(re.compile(r"photo\.jpg$"))
    page.get_by_role("button", name="Save the photo").click()
    expect(page.get_by_text("The photo of Anna Alpha was saved.")).to_be_visible()
    picture = page.locator(".photo-line img")
    expect(picture).to_have_js_property("naturalWidth", 256)
    assert is_within(page)
    page.goto(f"{directory.url}/people/")
    page.get_by_role("button", name="Large").click()
    expect(page.locator(".tile", has_text="Anna Alpha").locator("img")).to_be_visible()
    page.get_by_role("button", name="Small").click()
    expect(page.locator(".tile", has_text="Anna Alpha").locator("img")).to_be_hidden()
    assert "Anna Alpha" in shown(page)
    expect(picture).to_have_count(0)


def test_a_large_file_that_is_no_picture_is_refused_before_it_is_sent(
    asterisk22: Asterisk, directory: Panel, visit: Visit
) -> None:
    page = visit(directory, "anna", "/people/directory/?q=Anna+Alpha")
    page.locator(".people-list a", has_text="Anna Alpha").click()
    file = page.get_by_label("Picture file")
    file.set_input_files({"name": "film.jpg", "mimeType": "image/jpeg", "buffer": bytes(30_000_000)})
    expect(page.get_by_text("This file is too large, or no picture.")).to_be_visible()
    expect(file).to_have_value("")
    file.set_input_files({"name": "small.jpg", "mimeType": "image/jpeg", "buffer": b"small"})
    page.get_by_role("button", name="Save the photo").click()
    expect(page.get_by_text("This is no picture.")).to_be_visible()
