"""What all tests share."""

import os

import pytest
from hypothesis import settings

# How long an example takes says nothing on a machine that is busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

pytest_plugins = ["tests.lab.fixtures", "tests.servers", "tests.panel"]

# Playwright's synchronous interface keeps an event loop in this thread; Django would refuse to work beside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(autouse=True)
def plain_http(settings: object) -> None:
    """Tests ask over plain HTTP, whatever the environment says."""
    settings.SECURE_SSL_REDIRECT = False  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def plain_static_files(settings: object) -> None:
    """Templates name static files as they are: no manifest has been collected for the tests."""
    settings.STORAGES = {  # type: ignore[attr-defined]
        **settings.STORAGES,  # type: ignore[attr-defined]
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser come last: from the first on, Playwright's event loop runs in this thread for good."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))
