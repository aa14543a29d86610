"""Each button of a conference's page does what its `data-action` says."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import resolve

from conferences.models import Participant
from tests.access import people

pytestmark = pytest.mark.django_db

# What is written otherwise in an address.
IN_ADDRESSES = {"retry-invitation": "retry", "dismiss-invitation": "dismiss", "cancel-invitation": "cancel"}


class Buttons(HTMLParser):
    """What each button with an address does, and where it sends that."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        action, address = attributes.get("data-action"), attributes.get("hx-post")
        if action and address:
            self.found.append((action, address))


@pytest.mark.parametrize("muted", [True, False])
def test_what_a_button_says_is_what_its_address_says(muted: bool) -> None:
    people.a_small_pbx()
    Participant.objects.update(muted=muted)
    client = Client()
    client.force_login(people.person("Administrator"))
    found = Buttons(client.get("/conferences/main/8001/").content.decode()).found
    assert {"unmute" if muted else "mute", "kick", "mute-all", "mute-others", "end", "lock"} <= {
        name for name, _ in found
    }
    for action, address in found:
        route = resolve(address.replace("UNIQUEID", "1.1"))
        said = route.kwargs.get("verb") or route.url_name
        assert said == IN_ADDRESSES.get(action, action), address
        # Whose button it is.
        if whose := re.search(r"/participants/(\d+\.\d+)/", address):
            assert whose[1] == "3.1", address
