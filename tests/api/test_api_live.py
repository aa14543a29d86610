"""The API on a real Asterisk: a call that is asked for twenty times at once is placed once, and told to its end."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.eventlog.told import payload_of
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory
from tests.panel import Panel

pytestmark = [pytest.mark.timeout(120)]
_TOKEN = """
from django.contrib.auth.models import User
from api import operations, service, tokens
user = User.objects.get(username={name!r})
print(tokens.make(user, user, name="Shop", scopes=sorted(operations.scopes))[1])
"""


def token_of(panel: Panel, name: str = "ben") -> dict[str, str]:
    """The header of a program that asks in this user's name."""
    return {"Authorization": f"Bearer {panel.shell(_TOKEN.format(name=name))}"}


def until(client: httpx.Client, address: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is at an address, which must be there, once it is so."""
    client.get(address).raise_for_status()
    return poll(client, address, is_so)


def poll(client: httpx.Client, address: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The same of what may not be there yet, or not any more: then a problem is."""
    deadline = time.monotonic() + 30
    while True:
        said: dict[str, Any] = client.get(address).json()
        if is_so(said):
            return said
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


def events_of(client: httpx.Client, call: str) -> list[dict[str, Any]]:
    """What the stream tells of a call, from the beginning of the log until the call is over."""
    told: list[dict[str, Any]] = []
    with client.stream("GET", "/api/v1/events", params={"call": call, "after": "main:0"}) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
                payload_of(f"stream.{told[-1]['type']}").validate(told[-1])
                if told[-1]["type"] == "call.ended":
                    break
    return told


def test_a_call_asked_for_twenty_times_at_once_is_placed_once(
    asterisk22: Asterisk, panel22: Panel, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    phone_factory(asterisk22, "103")
    headers = token_of(panel22)
    with httpx.Client(base_url=panel22.url, headers=headers, timeout=60) as client:
        until(client, "/api/v1/pbxs/main", lambda pbx: pbx["is_up"])
        before = {call["id"] for call in client.get("/api/v1/calls").json()["items"]}

        def place(number: int) -> httpx.Response:
            with httpx.Client(base_url=panel22.url, headers=headers, timeout=60) as mine:
                for _try in range(100):
                    body = {"number": "103", "reference": "order 4711"}
                    response = mine.post("/api/v1/calls", json=body, headers={"Idempotency-Key": "one-key"})
                    if response.status_code != 409:
                        return response
                    assert response.json()["type"] == "/api/v1/problems/under-way"
                    time.sleep(0.1)
            return response

        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(place, range(20)))
        assert {answer.status_code for answer in answers} == {201}
        (address,) = {answer.headers["Location"] for answer in answers}
        assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1

        talking = until(client, address, lambda call: call["state"] == "talking")
        assert talking["reference"] == "order 4711"
        assert {end["endpoint"] for end in talking["channels"]} >= {"PJSIP/102", "PJSIP/103"}
        listed = client.get("/api/v1/calls").json()["items"]
        assert [call["id"] for call in listed if call["id"] not in before] == [talking["id"]]
        assert [call["reference"] for call in listed if call["id"] == talking["id"]] == ["order 4711"]

        other = next(end["id"] for end in talking["channels"] if end["endpoint"] == "PJSIP/103")
        held = client.put(f"{address}/channels/{other}/hold")
        assert held.status_code == 204, held.text
        call = until(client, address, lambda call: call["state"] == "held")
        transfer = f"/api/v1/transfers/main/{call['transfer']['id']}"
        assert client.get(transfer).json()["channel"] == other
        assert client.put(f"{transfer}/resume").status_code == 204
        until(client, address, lambda call: call["state"] == "talking")

        assert client.delete(address).status_code == 204
        ended = until(client, address, lambda call: call["state"] == "ended")
        assert (ended["outcome"], ended["reference"]) == ("answered", "order 4711")
        assert {"began", "answered", "held", "resumed", "left"} <= {step["kind"] for step in ended["steps"]}
        assert client.delete(address).status_code == 404

        told = events_of(client, ended["id"])
        types = [event["type"] for event in told]
        assert {"call.ringing", "call.answered", "call.held", "call.resumed"} < set(types)
        assert types.index("call.ended") == len(types) - 1
        assert {(event["data"]["id"], event["data"]["reference"]) for event in told} == {(ended["id"], "order 4711")}


def test_a_consultation_has_the_address_that_was_answered(
    asterisk22: Asterisk, panel22: Panel, phone_factory: PhoneFactory
) -> None:
    for phone in ("102", "103", "104"):
        phone_factory(asterisk22, phone)
    headers = token_of(panel22)
    with httpx.Client(base_url=panel22.url, headers=headers, timeout=60) as client:
        until(client, "/api/v1/pbxs/main", lambda pbx: pbx["is_up"])
        address = client.post("/api/v1/calls", json={"number": "103"}).raise_for_status().headers["Location"]
        talking = until(client, address, lambda call: call["state"] == "talking")
        other = next(end["id"] for end in talking["channels"] if end["endpoint"] == "PJSIP/103")
        body = {"channel": other, "to": "104", "flow": "attended"}
        response = client.post(f"{address}/transfers", json=body)
        assert response.status_code == 201, response.text
        call = until(client, address, lambda call: call["transfer"] is not None)
        assert response.headers["Location"] == f"/api/v1/transfers/main/{call['transfer']['id']}"
        until(client, response.headers["Location"], lambda transfer: transfer["state"] == "talking")
        assert client.put(f"{response.headers['Location']}/complete").status_code == 204


def test_who_is_invited_has_an_address_until_they_have_joined_and_is_called_back(
    asterisk22: Asterisk, panel22: Panel, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    conference = "/api/v1/conferences/main/8001"
    with httpx.Client(base_url=panel22.url, headers=token_of(panel22, "anna"), timeout=60) as client:
        until(client, "/api/v1/pbxs/main", lambda pbx: pbx["is_up"])
        response = client.post(f"{conference}/invitations", json={"number": "103", "name": "Carla"})
        assert response.status_code == 201, response.text
        there = poll(client, conference, lambda said: bool(said.get("people")))
        assert [person["name"] for person in there["people"]] == ["Carla"]
        assert client.get(response.headers["Location"]).status_code == 404  # they have joined

        first = there["people"][0]["id"]
        response = client.post(f"{conference}/participants/{first}/call-back")
        assert response.status_code == 201, response.text
        assert response.headers["Location"].startswith(f"{conference}/invitations/")
        again = poll(
            client, conference, lambda said: [who["id"] for who in said.get("people", [])] not in ([], [first])
        )
        assert len(again["people"]) == 1
