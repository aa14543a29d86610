"""What schemathesis, a process of its own, needs to know beside the description: see `test_fuzzed.py`.

Most of what it makes up names nothing that there is. So every second request that should be taken is about something
that the panel has at that moment; where its PBX is away, about what the examples name.
"""

import itertools
import os
import random
import time
from typing import Any
from urllib.parse import quote

import httpx
import schemathesis

_asked = itertools.count()
_chance = random.Random(17)
_panel = httpx.Client(
    base_url=os.environ["FUZZED_PANEL"], headers={"Authorization": f"Bearer {os.environ['FUZZED_TOKEN']}"}, timeout=30
)
# How long what there was may still be there, in seconds.
_FRESH = 2.0
_found: tuple[float, list[dict[str, str]]] = (-_FRESH, [])


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    wanted = set(case.path_parameters)
    if not wanted or case.meta is None or not case.meta.generation.mode.is_positive or next(_asked) % 2:
        return
    if possible := [one for one in _there() if wanted <= one.keys()]:
        one = _chance.choice(possible)
        case.path_parameters = {name: one[name] for name in wanted}


@schemathesis.check
def only_a_pbx_that_is_away_is_an_error_of_the_server(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    allowed = (503, 504) if os.environ["FUZZED_PBX"] == "away" else ()
    assert response.status_code < 500 or response.status_code in allowed


def _there() -> list[dict[str, str]]:
    """What can stand in an address: all that is known of one thing, for each."""
    global _found
    if time.monotonic() - _found[0] < _FRESH:
        return _found[1]
    found: list[dict[str, str]] = []
    calls = _panel.get("/api/v1/calls").raise_for_status().json()["items"]
    for call in calls:
        known = {"pbx": call["pbx"], "call": call["id"]}
        found += [known | {"channel": end["id"]} for end in call["channels"]]
        if call["transfer"]:
            found.append(known | {"transfer": call["transfer"]["id"]})
    for conference in _panel.get("/api/v1/conferences").raise_for_status().json()["items"]:
        known = {"pbx": conference["pbx"], "conference": conference["name"]}
        # It may be one of those that were made up.
        answer = _panel.get(f"/api/v1/conferences/{known['pbx']}/{quote(known['conference'], safe='')}")
        if answer.is_success:  # it may be over
            found += [known | {"participant": person["id"]} for person in answer.json()["people"]]
            found += [known | {"invitation": one["id"]} for one in answer.json()["invitations"]]
    me = _panel.get("/api/v1/me").raise_for_status().json()
    found += [{"pbx": one["pbx"], "camp_on": one["id"]} for one in me["camp_ons"]]
    extensions = _panel.get("/api/v1/extensions").raise_for_status().json()["items"]
    found += [{"pbx": one["pbx"], "extension": one["id"]} for one in extensions]
    for kind, name in (("people", "person"), ("contacts", "contact"), ("messages", "message")):
        found += [{name: one["id"]} for one in _panel.get(f"/api/v1/{kind}").raise_for_status().json()["items"]]
    _found = (time.monotonic(), found)
    return found
