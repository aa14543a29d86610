"""What all tests share."""

import os

import pytest
from django.utils import translation
from hypothesis import settings

# Random examples are the same in every run; `make soak` tries new ones. How long one takes says nothing on a machine
# that is busy.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("PANEL_EXAMPLES", "same"))

pytest_plugins = ["tests.lab.fixtures", "tests.servers", "tests.panel", "tests.database", "tests.kinds"]


@pytest.fixture(autouse=True)
def plain_http(settings: object) -> None:
    """Tests ask over plain HTTP, whatever the environment says."""
    settings.SECURE_SSL_REDIRECT = False  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def in_no_language_yet() -> None:
    """What Django does with a request leaves its language to the thread, and so to the test after it."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def quick_passwords(settings: object) -> None:
    """Hashing passwords slowly is Django's business. What tests start as a process of its own does hash slowly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def plain_static_files(settings: object) -> None:
    """Templates name static files as they are: no manifest has been collected for the tests.

    WhiteNoise looks for a file when it is asked for, not for all that somebody has collected with each new client.
    """
    settings.WHITENOISE_AUTOREFRESH = True  # type: ignore[attr-defined]
    settings.STORAGES = {  # type: ignore[attr-defined]
        **settings.STORAGES,  # type: ignore[attr-defined]
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
