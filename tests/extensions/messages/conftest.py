"""Somebody who takes messages, people for whom they are taken, and a mail server."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from extensions.messages.models import Message
from extensions.messages.taking import take
from extensions.people.forms import PersonForm
from extensions.people.models import Person
from tests.access import people

from .receiver import Receiver


def add(name: str, owner: User | None = None, **values: Any) -> Person:
    """Somebody in the directory, as it is typed; `user` is the key of theirs."""
    person = Person(owner=owner)
    form = PersonForm({"name": name, **values}, person)
    assert form.is_valid(), form.errors
    return form.save()


def taken(by: User, person: Person, **values: Any) -> Message:
    """A message that somebody took for a person."""
    fresh = Person.objects.select_related("user").get(pk=person.pk)
    return take(by, fresh, {"caller_name": "Carla", "caller_number": "0172 555", "text": "About the roof.", **values})


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def taker(db: None) -> User:
    """An operator."""
    people.pbx()
    return people.person("Operator", "olga", "PJSIP/103")


@pytest.fixture
def ben(taker: User) -> User:
    """A user, whom the directory knows as `Ben Beta`."""
    user = people.person("Viewer", "ben", "PJSIP/102")
    add("Ben Beta", extension="102", user=str(user.pk))
    return user


@pytest.fixture
def mailing(settings: Settings) -> Iterator[Receiver]:
    """A mail server, by which the panel sends."""
    receiver = Receiver()
    use(settings, receiver.port)
    yield receiver
    receiver.stop()


def use(settings: Settings, port: int, **more: Any) -> None:
    """Have the panel send by the mail server at this port."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "PBX Panel <panel@example.org>"
    for name, value in more.items():
        setattr(settings, name, value)
