"""The settings that come from the environment: a wrong one fails with a sentence that names it and tells no secret."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import RequestFactory
from django.views.debug import technical_500_response

from engine.ami.transports import Address
from pbxpanel import environment
from tests.kinds import runs_a_program

ROOT = Path(__file__).resolve().parents[2]
SECRET = "Tr0ub4dor"
FINGERPRINT = "ab" * 32
KEY = "3vJ-only-for-the-tests-aHm8qZ0wKx5tRb2nYc7dLf4gUs9pEi6oW1"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AMI_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "DEBUG",
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "HTTPS",
        "HSTS_SECONDS",
        "LISTEN_TONE",
        "WEBHOOK_NETWORKS",
        "EMAIL_URL",
        "EMAIL_FROM",
        "MESSAGE_SENTENCES",
        "PHONE_COUNTRY",
        "PHONE_FORM",
        "ASTDB_KEYS",
    ):
        monkeypatch.delenv(name, raising=False)


def complaint(monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: Callable[[], Any]) -> str:
    """What is said of a wrong value: one sentence that names the variable, and nothing of the secret."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as failed:
        read()
    text = str(failed.value)
    assert name in text
    assert SECRET not in text
    assert SECRET[:6] not in text
    assert SECRET[-5:] not in text
    assert "\n" not in text
    assert text.endswith(".")
    # Whoever prints the whole chain of errors must not tell it either.
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    return text


# AMI_URL.


def test_no_ami_url_is_no_pbx() -> None:
    assert environment.addresses() == {}


def test_one_url_is_the_pbx_main(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMI_URL", f"ami://panel:{SECRET}@pbx.example.org")
    assert environment.addresses() == {"main": Address("ami", "pbx.example.org", 5038, "panel", SECRET)}


def test_several_pbxs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMI_URL", "berlin=ami://u:a@10.0.0.1:5040  ulm_2=amis://v:b@[::1]/?ca=/etc/ca.pem\n")
    assert environment.addresses() == {
        "berlin": Address("ami", "10.0.0.1", 5040, "u", "a"),
        "ulm_2": Address("amis", "::1", 5039, "v", "b", ca="/etc/ca.pem"),
    }


@pytest.mark.parametrize(
    ("url", "port", "path"),
    [
        ("ami+http://u:x@host", 8088, "/rawman"),
        ("ami+http://u:x@host/", 8088, "/rawman"),
        ("ami+http://u:x@host:80/rawman/", 80, "/rawman"),
        ("ami+https://u:x@host/asterisk/rawman", 8089, "/asterisk/rawman"),
        ("ami+https://u:x@host:443/a-b/c.d/arawman", 443, "/a-b/c.d/arawman"),
    ],
)
def test_ami_over_http_has_ports_and_paths_of_its_own(url: str, port: int, path: str) -> None:
    address = Address.parse(url)
    assert (address.port, address.path, address.is_http) == (port, path, True)
    assert address.is_digest == path.endswith("arawman")
    assert address.is_tls == url.startswith("ami+https:")
    assert str(address) == f"{url.partition(':')[0]}://u@host:{port}{path}"


@pytest.mark.parametrize("scheme", ["amis", "ami+https"])
@pytest.mark.parametrize("written", ["sha256:{}", "SHA256:{}", "{}"])
def test_a_fingerprint_is_taken_in_each_form_in_which_it_is_printed(scheme: str, written: str) -> None:
    digits = "0aBc" * 16
    colons = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
    for text in (digits, digits.upper(), colons):
        url = f"{scheme}://u:x@host?fingerprint={written.format(text)}"
        assert Address.parse(url).fingerprint == digits.lower()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("p%40ss%2Fw%3Ard%23%3F%25", "p@ss/w:rd#?%"),
        ("a=b=c", "a=b=c"),
        ("%20space%20", " space "),
        ("%C3%BCml", "üml"),
        ("ümlaut", "ümlaut"),
        ("a:b", "a:b"),
        ("a@b", "a@b"),
        ("", ""),
        ("100%", "100%"),
        ("a+b", "a+b"),
    ],
)
def test_user_and_secret_are_percent_decoded(monkeypatch: pytest.MonkeyPatch, written: str, meant: str) -> None:
    monkeypatch.setenv("AMI_URL", f"ami://us%2Fer:{written}@host")
    (address,) = environment.addresses().values()
    assert (address.username, address.secret, address.host) == ("us/er", meant, "host")


def test_an_equals_sign_in_the_secret_names_no_pbx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMI_URL", "ami://user:x=y@host")
    assert list(environment.addresses()) == ["main"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"panel:{SECRET}@host", "begins with “panel”"),
        (f"http://panel:{SECRET}@host", "begins with “http”"),
        (f"ami+http://panel:{SECRET}@host/manager", "its path is not /rawman or /arawman"),
        (f"ami+http://panel:12@host/{SECRET}@host/rawman", "%2F"),
        (f"ami+https://panel:{SECRET}@host/rawman#x", "%23"),
        (f"ami+http://panel:{SECRET}@host/rawman?ca=/x", "only for amis:// and ami+https://"),
        (f"ami+https://panel:{SECRET}@host/rawman?ca=/x&fingerprint={FINGERPRINT}", "only ca=/path/of/ca.pem or"),
        (f"amis://panel:{SECRET}@host?fingerprint=AB:CD", "64 hexadecimal digits"),
        (f"amis://panel:{SECRET}@host?fingerprint=", "64 hexadecimal digits"),
        (f"amis://panel:{SECRET}@host?fingerprint=sha1:{FINGERPRINT}", "64 hexadecimal digits"),
        (f"ami:panel:{SECRET}@host", "names no host"),
        (f"ami://panel:{SECRET}@", "names no host"),
        ("ami://host", "names no user and secret"),
        ("ami://panel@host", "names no user and secret"),
        (f"ami://:{SECRET}@host", "names no user and secret"),
        (f"ami://panel:{SECRET}/x@host", "port"),
        (f"ami://panel:{SECRET}#x@host", "port"),
        (f"ami://panel:{SECRET}?x@host", "port"),
        (f"ami://panel:12/{SECRET}@host", "names no user and secret"),
        (f"ami://panel:{SECRET}@host:port", "port"),
        (f"ami://panel:{SECRET}@host:99999", "port"),
        (f"ami://panel:{SECRET}@host/path", "%2F"),
        (f"ami://panel:{SECRET}@[::1", "is no URL"),
        (f"ami://panel:{SECRET}\u2100@host", "is no URL"),
        (f"ami://panel:{SECRET}@host?ca=/x", "only for amis"),
        (f"amis://panel:{SECRET}@host?verify=no", "only ca="),
        (f"ami:panel:x={SECRET}@host", "names no host"),
        (f"panel:x={SECRET}@host", "begins with “panel”"),
        (f"ami://panel:my {SECRET}@host", "port"),
        (f"my-pbx=ami://panel:{SECRET}@host", "names a PBX “my-pbx”"),
        (f"{'x' * 33}=ami://panel:{SECRET}@host", "names a PBX"),
        (f"=ami://panel:{SECRET}@host", "names a PBX “”"),
        (f"a=ami://u:{SECRET}@h a=ami://u:{SECRET}@i", "“a” twice"),
        (f"ami://u:{SECRET}@h ami://u:{SECRET}@i", "“main” twice"),
        (f"a=ami://u:{SECRET}@h b=ami://u:{SECRET}@i:x", "port"),
    ],
)
def test_a_wrong_ami_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    assert reason in complaint(monkeypatch, "AMI_URL", url, environment.addresses)


def test_an_address_shows_its_secret_nowhere() -> None:
    address = Address.parse(f"amis://panel:{SECRET}@[::1]:5039?ca=/ca.pem")
    assert str(address) == "amis://panel@[::1]:5039"
    assert SECRET not in f"{address!r} {address} {[address]} {{'a': {address!r}}}"


# DATABASE_URL.


def test_the_default_database_is_sqlite_in_wal_mode(tmp_path: Path) -> None:
    found = environment.database(tmp_path / "panel.sqlite3")
    assert found["ENGINE"].endswith("sqlite3")
    assert found["NAME"] == str(tmp_path / "panel.sqlite3")
    assert "WAL" in found["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("url", "name"),
    [("sqlite:////srv/a%20b.db", "/srv/a b.db"), ("sqlite:///relative.db", "relative.db"), ("sqlite://", "/default")],
)
def test_a_sqlite_file_is_found(monkeypatch: pytest.MonkeyPatch, url: str, name: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert environment.database(Path("/default"))["NAME"] == name


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgresql_url_becomes_a_database(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    query = "sslmode=require&connect_timeout=9"
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://us%40er:p%2Fw%3A@db.example:5433/pbx%20panel?{query}")
    found = environment.database(Path("/default"))
    assert [found[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "pbx panel", "us@er", "p/w:", "db.example", "5433",
    ]  # fmt: skip
    assert found["OPTIONS"]["sslmode"] == "require"
    assert found["OPTIONS"]["connect_timeout"] == "9"
    assert int(found["OPTIONS"]["tcp_user_timeout"]) <= 10_000


def test_a_postgresql_socket_needs_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///panel")
    found = environment.database(Path("/default"))
    assert (found["NAME"], found["HOST"], found["PORT"], found["PASSWORD"]) == ("panel", "", "", "")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"mysql://u:{SECRET}@host/name", "begins with “mysql”"),
        (f"postgresql://u:{SECRET}@host", "names no database"),
        (f"postgresql://u:{SECRET}@host/", "names no database"),
        (f"postgresql://u:{SECRET}/x@host/name", "no number"),
        (f"postgresql://u:{SECRET}@host:port/name", "no number"),
        (f"postgresql://u:{SECRET}@[::1/name", "no URL"),
        (f"postgresql://u:{SECRET}\u2100@host/name", "no URL"),
        ("panel.sqlite3", "begins with “”"),
    ],
)
def test_a_wrong_database_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    assert reason in complaint(monkeypatch, "DATABASE_URL", url, lambda: environment.database(Path("/default")))


# WEBHOOK_NETWORKS.


def test_webhooks_reach_no_private_network_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.networks("WEBHOOK_NETWORKS") == []
    monkeypatch.setenv("WEBHOOK_NETWORKS", "10.1.0.0/16, fd00::/8 192.0.2.7")
    found = [str(network) for network in environment.networks("WEBHOOK_NETWORKS")]
    assert found == ["10.1.0.0/16", "fd00::/8", "192.0.2.7/32"]


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "crm.example.org", "10.0.0.0/8;192.168.0.0/16"])
def test_what_is_no_range_of_addresses_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    read = partial(environment.networks, "WEBHOOK_NETWORKS")
    assert "no range of addresses" in complaint(monkeypatch, "WEBHOOK_NETWORKS", text, read)


# REDIS_URL.


def test_without_redis_the_layer_is_in_memory() -> None:
    assert environment.channel_layer()["BACKEND"] == "channels.layers.InMemoryChannelLayer"


@pytest.mark.parametrize("url", ["redis://:pw@host:6379/0", "rediss://host", "unix:///run/redis.sock"])
def test_redis_is_the_layer_where_it_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    layer = environment.channel_layer()
    assert layer["BACKEND"] == "channels_redis.core.RedisChannelLayer"
    assert [host["address"] for host in layer["CONFIG"]["hosts"]] == [url]


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{SECRET}@host:6379",
        f":{SECRET}@host:6379",
        f"redis://:{SECRET}/x@host",
        f"redis://:{SECRET}@host:port",
        f"redis://:{SECRET}@[::1",
        f"redis://:{SECRET}\u2100@host",
    ],
)
def test_a_wrong_redis_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert "redis://" in complaint(monkeypatch, "REDIS_URL", url, environment.channel_layer)


# The others.


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1", True),
        ("Yes", True),
        (" on ", True),
        ("TRUE", True),
        ("0", False),
        ("", False),
        ("off", False),
        ("No", False),
    ],
)
def test_a_flag_says_yes_or_no(monkeypatch: pytest.MonkeyPatch, text: str, meant: bool) -> None:
    monkeypatch.setenv("DEBUG", text)
    assert environment.flag("DEBUG", default=not meant) is meant


@pytest.mark.parametrize("default", [True, False])
def test_a_flag_that_is_not_set_is_its_default(default: bool) -> None:
    assert environment.flag("DEBUG", default=default) is default


@pytest.mark.parametrize("text", ["maybe", "2", "yess", "none"])
def test_a_flag_that_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert text in complaint(monkeypatch, "DEBUG", text, lambda: environment.flag("DEBUG", default=False))


def test_the_secret_key_comes_from_the_environment_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret_key"
    file.write_text(f" {KEY}\n")
    assert environment.secret_key(file, lenient=False) == KEY
    monkeypatch.setenv("SECRET_KEY", KEY[::-1])
    assert environment.secret_key(file, lenient=False) == KEY[::-1]


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_missing_secret_key_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, lenient: bool
) -> None:
    file = tmp_path / "secret_key"
    if content is not None:
        file.write_text(content)
    said = complaint(monkeypatch, "SECRET_KEY", "", lambda: environment.secret_key(file, lenient=lenient))
    assert "not set" in said


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (SECRET, "9 characters"),
        (SECRET * 3 + "1234", "31 characters"),
        (f"django-insecure-{SECRET * 5}", "others know"),
    ],
)
def test_a_secret_key_that_could_be_guessed_is_refused_but_for_debugging(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str, reason: str
) -> None:
    none = tmp_path / "none"
    assert reason in complaint(monkeypatch, "SECRET_KEY", key, lambda: environment.secret_key(none, lenient=False))
    assert environment.secret_key(none, lenient=True) == key
    (tmp_path / "secret_key").write_text(key)
    monkeypatch.delenv("SECRET_KEY")
    with pytest.raises(ImproperlyConfigured, match=reason):
        environment.secret_key(tmp_path / "secret_key", lenient=False)


@pytest.mark.parametrize(("text", "meant"), [("", 7), (" ", 7), ("0", 0), (" 31536000 ", 31536000)])
def test_a_whole_number_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, meant: int) -> None:
    monkeypatch.setenv("HSTS_SECONDS", text)
    assert environment.number("HSTS_SECONDS", default=7) == meant


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "many", "\u0663"])
def test_what_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert text in complaint(monkeypatch, "HSTS_SECONDS", text, lambda: environment.number("HSTS_SECONDS", default=7))


def test_words_are_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.words("ALLOWED_HOSTS", default=["x"]) == ["x"]
    monkeypatch.setenv("ALLOWED_HOSTS", " a.example, b.example  c.example,")
    assert environment.words("ALLOWED_HOSTS", default=["x"]) == ["a.example", "b.example", "c.example"]


# The whole program.


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` with these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**kept, "SECRET_KEY": KEY, **variables},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@runs_a_program
def test_the_program_starts_with_good_settings() -> None:
    done = manage("check", AMI_URL=f"ami://panel:{SECRET}@127.0.0.1:1")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AMI_URL", f"ami://panel:{SECRET}/x@host", "AMI_URL is wrong"),
        ("SECRET_KEY", SECRET, "SECRET_KEY has 9 characters"),
        ("HTTPS", "perhaps", "HTTPS is “perhaps”"),
    ],
)
@runs_a_program
def test_the_program_does_not_start_with_a_wrong_setting_and_says_which(name: str, value: str, words: str) -> None:
    done = manage("check", **{name: value})
    assert done.returncode != 0
    assert words in done.stderr.strip().splitlines()[-1]
    assert SECRET not in done.stdout + done.stderr


# How an installation is served.


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "AMI_URL": "main=amis://panel:secret@pbx.example.org",
            "DATABASE_URL": "postgresql://panel:secret@127.0.0.1:1/panel",
            "REDIS_URL": "redis://:secret@127.0.0.1:1/0",
            "ALLOWED_HOSTS": "panel.example.org",
            "HSTS_SECONDS": "31536000",
        },
    ],
    ids=["only the key", "everything"],
)
@runs_a_program
def test_djangos_own_check_of_an_installation_finds_nothing(variables: dict[str, str]) -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


@runs_a_program
def test_an_installation_that_answers_to_any_host_is_warned() -> None:
    assert "pbxpanel.W001" in manage("check", ALLOWED_HOSTS="*").stderr
    assert "pbxpanel.W001" not in manage("check", ALLOWED_HOSTS="*", DEBUG="yes").stderr


# What a browser is told; the answers of a whole process with its settings.
_ANSWERS = """
import json
from django.conf import settings
from django.core.management import call_command
from django.test import Client
settings.STATIC_ROOT = FOLDER + '/static'
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
client, answers = Client(), {}
for name, path, options in (
    ("plain", "/login/?next=/calls/", {}), ("secure", "/login/", {"secure": True}),
    ("proxied", "/login/", {"headers": {"X-Forwarded-Proto": "https"}}), ("unproxied", "/login/",
    {"headers": {"X-Forwarded-Proto": "http"}}), ("health", "/healthz", {}), ("metrics", "/metrics", {}),
    ("healthy", "/healthzy", {}),
):
    answer = client.get(path, **options)
    answers[name] = {"status": answer.status_code, **{key.lower(): value for key, value in answer.items()}}
answers["cookie"] = str(client.cookies["csrftoken"])
print(json.dumps(answers))
"""


def answers(tmp_path: Path, **variables: str) -> dict[str, Any]:
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/panel.sqlite3", "ALLOWED_HOSTS": "testserver", **variables}
    if connection.vendor == "sqlite":
        # The tests' own database, as it was migrated: to do that once more would take longer than all the rest.
        with (
            contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as migrated,
            contextlib.closing(sqlite3.connect(tmp_path / "panel.sqlite3")) as copied,
        ):
            migrated.backup(copied)
    # Static files are collected beside it: another process may be at the usual place at the same time.
    done = manage("shell", "--no-imports", "-c", f"FOLDER = {str(tmp_path)!r}\n{_ANSWERS}", **variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.django_db
@runs_a_program
def test_by_default_a_browser_is_sent_to_https_and_kept_there(tmp_path: Path) -> None:
    found = answers(tmp_path)
    for name in ("plain", "unproxied"):
        assert found[name]["status"] == 301
        assert "strict-transport-security" not in found[name]
        assert "default-src 'self'" in found[name]["content-security-policy"]
    assert found["plain"]["location"] == "https://testserver/login/?next=/calls/"
    for name in ("secure", "proxied"):
        assert found[name]["status"] == 200
        assert found[name]["strict-transport-security"] == "max-age=2592000; includeSubDomains; preload"
        assert found[name]["referrer-policy"] == "same-origin"
    assert found["health"]["status"] != 301
    assert found["metrics"]["status"] != 301
    assert found["healthy"]["status"] == 301
    for word in ("Secure", "HttpOnly", "SameSite=Lax"):
        assert word in found["cookie"]


@pytest.mark.django_db
@runs_a_program
def test_without_https_pages_are_served_as_they_are_asked_for(tmp_path: Path) -> None:
    found = answers(tmp_path, HTTPS="no")
    assert found["plain"]["status"] == 200
    assert "strict-transport-security" not in found["plain"]
    assert "strict-transport-security" not in found["proxied"]  # anybody may claim that
    assert "Secure" not in found["cookie"]
    assert "HttpOnly" in found["cookie"]


def test_an_error_page_of_development_shows_no_secret(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DEBUG", True)
    monkeypatch.setattr(settings, "AMI_ADDRESSES", {"main": Address.parse(f"ami://panel:{SECRET}@127.0.0.1")})
    monkeypatch.setattr(settings, "CHANNEL_LAYERS", {"default": {"hosts": [f"redis://:{SECRET}@127.0.0.1:6379/0"]}})
    address = settings.AMI_ADDRESSES["main"]
    try:
        raise RuntimeError(f"{address!r}")
    except RuntimeError:
        page = technical_500_response(rf.get("/"), *sys.exc_info()).content.decode()
    assert "RuntimeError" in page
    assert "CHANNEL_LAYERS" in page
    assert SECRET not in page


# Telephone numbers.


def test_a_country_is_named_by_its_two_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.country("PHONE_COUNTRY") == ""
    monkeypatch.setenv("PHONE_COUNTRY", " de ")
    assert environment.country("PHONE_COUNTRY") == "DE"
    text = complaint(monkeypatch, "PHONE_COUNTRY", "Germany", lambda: environment.country("PHONE_COUNTRY"))
    assert "two letters" in text


def test_the_form_of_a_number_is_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> str:
        return environment.choice("PHONE_FORM", "national", ("national", "e164"))

    assert read() == "national"
    monkeypatch.setenv("PHONE_FORM", "E164")
    assert read() == "e164"
    assert "national, e164" in complaint(monkeypatch, "PHONE_FORM", "short", read)


# EMAIL_URL, EMAIL_FROM, MESSAGE_SENTENCES.

read_mail = partial(environment.mail, "EMAIL_URL", "EMAIL_FROM")


def test_without_a_url_no_mail_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_FROM", "no address")
    assert read_mail().host == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", environment.Mail("mail.example.org", 25)),
        ("smtp+tls://mail.example.org", environment.Mail("mail.example.org", 587, starttls=True)),
        ("smtps://mail.example.org:4465", environment.Mail("mail.example.org", 4465, tls=True)),
        (
            "smtps://panel%40example.org:a%2Fb%40c@[fd00::1]",
            environment.Mail("fd00::1", 465, "panel@example.org", "a/b@c", tls=True),
        ),
    ],
)
def test_a_mail_server_is_a_url(monkeypatch: pytest.MonkeyPatch, url: str, expected: environment.Mail) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    monkeypatch.setenv("EMAIL_FROM", "PBX Panel <panel@example.org>")
    assert read_mail() == replace(expected, sender="PBX Panel <panel@example.org>")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://panel:{SECRET}@mail.example.org", "something else than smtp"),
        (f"{SECRET}", "is no URL"),
        (f"smtp://panel:{SECRET}@", "names no host"),
        (f"smtp://panel:{SECRET}@mail.example.org:x", "is no URL, or its port is no number"),
        (f"smtp://panel:1/{SECRET}@mail.example.org", "is no URL, or its port is no number"),
    ],
)
def test_a_wrong_mail_server_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    monkeypatch.setenv("EMAIL_FROM", "panel@example.org")
    assert reason in complaint(monkeypatch, "EMAIL_URL", url, read_mail)


@pytest.mark.parametrize("sender", ["", "PBX Panel", "panel@", "a@example.org, b@example.org"])
def test_a_mail_server_needs_a_sender(monkeypatch: pytest.MonkeyPatch, sender: str) -> None:
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.example.org")
    assert "must be the address" in complaint(monkeypatch, "EMAIL_FROM", sender, read_mail)


def test_sentences_have_a_bar_between(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.sentences("MESSAGE_SENTENCES") == []
    monkeypatch.setenv("MESSAGE_SENTENCES", " Will call again. || Asks for an offer, soon. |")
    assert environment.sentences("MESSAGE_SENTENCES") == ["Will call again.", "Asks for an offer, soon."]


def test_the_entries_of_the_astdb_are_named_with_a_place_for_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> dict[str, str]:
        return environment.astdb_keys("ASTDB_KEYS", "dnd=DND/{} busy=CFB/{}", ("dnd", "busy"))

    assert read() == {"dnd": "DND/{}", "busy": "CFB/{}"}
    monkeypatch.setenv("ASTDB_KEYS", "dnd=AMPUSER/{}/dnd")
    assert read() == {"dnd": "AMPUSER/{}/dnd"}
    monkeypatch.setenv("ASTDB_KEYS", "")
    assert read() == {}
    for wrong in (
        "dnd",
        "dnd=DND",
        "dnd={}/DND",
        "dnd=/{}",
        "never=CF/{}",
        "dnd=DND/{}/{}",
        f"dnd=DND/{'x' * 100}{{}}",
    ):
        assert "dnd=DND/{}" in complaint(monkeypatch, "ASTDB_KEYS", wrong, read)
