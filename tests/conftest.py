"""What all tests share."""

import gc
import os
from collections.abc import Iterator

import hypothesis
import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import translation

from engine.gc_tuning import keep_what_is_loaded

# Random examples are the same in every run; `make soak` tries new ones. How long one takes says nothing on a machine
# that is busy.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, max_examples=30)
hypothesis.settings.register_profile("new", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("PANEL_EXAMPLES", "same"))

# What is collected stays: to look through it again and again takes a sixth of the collection, in each process.
gc.disable()

pytest_plugins = ["tests.lab.fixtures", "tests.servers", "tests.panel", "tests.database", "tests.kinds"]


@pytest.fixture(scope="session", autouse=True)
def settings_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever the environment says; once for all tests, because to set these for each takes as long as a quick test.

    - Tests ask over plain HTTP.
    - Passwords are hashed quickly. What tests start as a process of its own hashes as an installation does.
    - Templates name static files as they are: no manifest has been collected for the tests. WhiteNoise finds none: it
      looks for all that somebody has collected with each new client.
    - The garbage collector looks as seldom as in a panel that runs.
    """
    keep_what_is_loaded()
    gc.enable()
    with override_settings(
        SECURE_SSL_REDIRECT=False,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STORAGES={
            **settings.STORAGES,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        STATIC_ROOT=tmp_path_factory.mktemp("static"),
    ):
        yield


@pytest.fixture(autouse=True)
def in_no_language_yet() -> None:
    """What Django does with a request leaves its language to the thread, and so to the test after it."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def no_switches_without_a_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever follows a PBX reads each minute which entries of its AstDB are switches; where a test has no database,
    there are none.
    """
    has_one = {"db", "transactional_db"}.intersection(request.fixturenames)
    if not has_one and request.node.get_closest_marker("django_db") is None:
        monkeypatch.setattr("extensions.switches.events._entries_of", lambda pbx: [])
