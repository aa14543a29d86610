"""What the manager user lacks: classes taken away one by one, filters, patience; and clocks that differ."""

import time

import pytest

from engine.ami.actions import PRIVILEGES
from engine.mirror import registry
from engine.mirror.folding import EVENT_MASK
from engine.mirror.verbs import Weight, verbs
from system.doctor.manager_user import EventFilter, hidden
from system.doctor.report import Status
from system.doctor.requirements import EVENTS, classes_of, features, read_classes, stanza, write_classes
from tests.lab.asterisk import Asterisk

from .faults import USER, look, manager_user, result, with_extensions, words


def test_what_the_stanza_gives_is_enough(asterisk: Asterisk) -> None:
    """Not one check finds anything, though it is less than everything."""
    with manager_user(asterisk, "writetimeout = 5000") as address, with_extensions(asterisk):
        report = look(address)
    # The lab's 16 is one of those in which `originate` gives more than it should.
    expected = {"version"} if asterisk.version == "16" else set()
    assert {one.id for one in (*report.problems, *report.warnings)} == expected
    assert [one.id for one in report.results if one.status is Status.SKIPPED] == []
    assert result(report, "write").finding.facts["write"] == write_classes()
    assert result(report, "read").finding.facts["read"] == read_classes()
    assert result(report, "events").finding.facts == {"booted": True, "probe": "VarSet", "echo": True}


@pytest.mark.parametrize("missing", write_classes())
def test_a_missing_write_class_is_told_with_what_it_takes_away(asterisk: Asterisk, missing: str) -> None:
    left = [name for name in write_classes() if name != missing]
    with manager_user(asterisk, write=",".join(left)) as address:
        found = result(look(address), "write")
    assert found.status in (Status.PROBLEM, Status.WARNING)
    assert found.finding.facts["classes"] == [missing]
    assert f"Add to “write” in manager.conf: {missing}." in words(found)
    lacking = [feature for feature in features() if any(_is_refused(action, left) for action in feature.actions)]
    assert set(found.finding.facts["features"]) == {feature.title for feature in lacking}
    essential = any(feature.weight is Weight.ESSENTIAL for feature in lacking)
    assert essential == (missing in ("call", "reporting", "originate"))
    assert found.status is (Status.PROBLEM if essential else Status.WARNING)


def _is_refused(action: str, classes: list[str]) -> bool:
    return bool(PRIVILEGES[action]) and not set(PRIVILEGES[action]) & set(classes)


@pytest.mark.parametrize("missing", read_classes())
def test_a_missing_read_class_is_told_with_what_it_takes_away(asterisk: Asterisk, missing: str) -> None:
    left = [name for name in read_classes() if name != missing]
    with manager_user(asterisk, read=",".join(left)) as address:
        report = look(address)
    found = result(report, "read")
    assert found.finding.facts["classes"] == [missing]
    assert f"Add to “read” in manager.conf: {missing}." in words(found)
    assert found.status is (Status.PROBLEM if missing in ("system", "call") else Status.WARNING)
    events = result(report, "events")
    assert events.finding.facts["booted"] == (missing != "system")
    assert events.finding.facts["echo"] == (missing != "dialplan")


@pytest.mark.parametrize("write", ["system,reporting", "command", "config"])
def test_read_classes_are_learned_in_more_than_one_way(asterisk: Asterisk, write: str) -> None:
    with manager_user(asterisk, read="system,user", write=write) as address:
        assert result(look(address), "read").finding.facts["read"] == ["system", "user"]


def test_read_classes_that_cannot_be_learned_are_told_to_be_unknown(asterisk: Asterisk) -> None:
    with manager_user(asterisk, write="call,reporting,user") as address:
        report = look(address)
    assert result(report, "read").status is Status.SKIPPED
    assert result(report, "events").finding.facts == {"booted": True, "probe": "UserEvent", "echo": True}


@pytest.mark.parametrize(
    "line",
    ["eventfilter = !Event: Newchannel", "eventfilter = Event: (Hangup|FullyBooted)", "eventfilter = !Privilege: call"],
)
def test_an_eventfilter_that_hides_an_event_of_ours_is_told(asterisk: Asterisk, line: str) -> None:
    with manager_user(asterisk, line) as address:
        found = result(look(address), "filter")
    assert found.status is Status.PROBLEM
    assert "Newchannel" in found.finding.facts["hidden"]
    assert line in words(found)


def test_an_eventfilter_of_the_new_form_that_hides_is_told(asterisk22: Asterisk) -> None:
    with manager_user(asterisk22, "eventfilter(action(exclude),name(Newchannel)) =") as address:
        found = result(look(address), "filter")
    assert found.finding.facts["hidden"] == ["Newchannel"]


def test_an_eventfilter_that_hides_nothing_of_ours_passes(asterisk: Asterisk) -> None:
    with manager_user(asterisk, "eventfilter = !Event: (VarSet|RTCPSent)") as address:
        report = look(address)
    assert result(report, "filter").status is Status.OK


def test_an_eventfilter_that_nobody_may_read_is_noticed_by_its_effect(asterisk: Asterisk) -> None:
    with manager_user(asterisk, "eventfilter = Event: Newchannel", write="call,reporting,user") as address:
        report = look(address)
    assert result(report, "filter").status is Status.SKIPPED
    assert result(report, "events").status is Status.WARNING
    assert "eventfilter" in words(result(report, "events"))


@pytest.mark.parametrize(
    ("filters", "lost"),
    [
        ([("eventfilter", "Event: Newchannel")], {"Hangup"}),
        ([("eventfilter", "!Event: Hangup")], {"Hangup"}),
        ([("eventfilter", "Event: "), ("eventfilter", "!Event: Hangup")], {"Hangup"}),
        ([("eventfilter(name(Newchannel))", "")], {"Hangup"}),
        ([("eventfilter(action(exclude),name(Hangup),header(Channel),method(starts_with))", "Local/")], set()),
        ([("eventfilter", "!Channel: Local/")], set()),
        ([("eventfilter", "!Event: Hangup[")], set()),
    ],
)
def test_what_filters_hide_by_the_name_alone(filters: list[tuple[str, str]], lost: set[str]) -> None:
    found = hidden([EventFilter.parse(key, value) for key, value in filters], ["Newchannel", "Hangup"])
    assert set(found) == lost


def test_a_short_writetimeout_is_told_with_the_line_to_write(asterisk: Asterisk) -> None:
    with manager_user(asterisk) as address:
        found = result(look(address), "patience")
    assert found.status is Status.WARNING
    assert found.finding.facts["ms"] == 100
    assert "writetimeout = 5000" in words(found)


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0.0, Status.OK), (5.0, Status.WARNING), (-5.0, Status.WARNING), (7200.0, Status.PROBLEM)],
)
def test_a_clock_that_differs_is_told_by_how_much_and_which_way(
    asterisk: Asterisk, seconds: float, status: Status
) -> None:
    found = result(look(asterisk.ami_url, now=lambda: time.time() + seconds), "clock")
    assert found.status is status
    assert found.finding.facts["seconds"] == pytest.approx(-seconds, abs=0.5)
    assert ("behind the panel's" in words(found)) == (seconds > 1)
    assert ("ahead of the panel's" in words(found)) == (seconds < -1)


def test_profiles_without_talk_detection_or_a_key_for_hands_are_named(asterisk: Asterisk) -> None:
    assert result(look(asterisk.ami_url), "talking").status is Status.OK
    assert result(look(asterisk.ami_url), "hands").status is Status.OK
    file = asterisk.folder / "etc/confbridge.conf"
    before = file.read_text()
    changed = before.replace(
        "[panel_prompted]\ntype = user\ntalk_detection_events = yes", "[panel_prompted]\ntype = user"
    )
    changed = changed.replace("5 = dialplan_exec(hand,s,1)", "5 = no_op")
    assert changed.count("\n") == before.count("\n") - 1
    file.write_text(changed)
    try:
        asterisk.cli("module reload app_confbridge.so")
        report = look(asterisk.ami_url)
    finally:
        file.write_text(before)
        asterisk.cli("module reload app_confbridge.so")
    found = result(report, "talking")
    assert found.status is Status.WARNING
    assert "who is talking: panel_prompted." in words(found)
    assert result(report, "hands").status is Status.WARNING


# The table itself.


def test_the_classes_of_actions_are_those_that_asterisk_names(asterisk: Asterisk) -> None:
    with asterisk.ami() as session:
        listed = session.action("ListCommands")
    told = {
        name: set(text.rpartition("(Priv: ")[2].rstrip(")").split(",")) - {"all", "<none>"}
        for name, text in listed.items()
        if "(Priv: " in text
    }
    known = PRIVILEGES.keys() & told.keys()
    assert {name: set(PRIVILEGES[name]) for name in known} == {name: told[name] for name in known}
    # A login needs none, and is not listed; the others come with modules that this Asterisk has not, or no longer has.
    assert PRIVILEGES.keys() - told.keys() <= {
        "ChangeMonitor", "DAHDIShowChannels", "IAXpeerlist", "Monitor", "PauseMonitor", "SIPpeers", "StopMonitor",
        "UnpauseMonitor",
    }  # fmt: skip


def test_every_event_that_is_read_belongs_to_a_feature() -> None:
    of_features = {event for feature in features() for event in feature.events}
    assert of_features >= set(registry.handlers)
    assert of_features == set(EVENTS)


def test_every_event_that_the_proof_of_a_phone_reads_is_named_with_it() -> None:
    feature = verbs["pbx.prove-phone"].feature
    assert feature is not None
    of_proofs = {
        event
        for event, by_fields in registry.handlers.items()
        for handlers in by_fields.values()
        if any(handler.__module__ == "accounts.proofs" for handler in handlers)
    }
    assert of_proofs == set(feature.events)


def test_no_feature_is_named_twice() -> None:
    titles = [feature.title for feature in features()]
    assert len(titles) == len(set(titles))


def test_every_action_that_is_sent_belongs_to_a_feature() -> None:
    """What the doctor alone asks, what everybody may, and what newer versions have no more needs none."""
    own = {"Challenge", "Events", "ListCommands", "Login", "Parkinglots", "Ping", "UserEvent"}
    own |= {"ChangeMonitor", "Monitor", "PauseMonitor", "StopMonitor", "UnpauseMonitor"}
    own |= {"SIPpeers", "IAXpeerlist", "DAHDIShowChannels"}  # of modules that are rarely loaded
    assert PRIVILEGES.keys() - own == {action for feature in features() for action in feature.actions}


def test_the_worker_asks_for_no_more_than_the_stanza_gives() -> None:
    assert set(EVENT_MASK.split(",")) == set(read_classes())


def test_classes_are_read_as_they_are_written() -> None:
    assert classes_of("system, call") == {"system", "call"}
    assert classes_of("<none>") == set()
    assert {"system", "message"} <= classes_of("all")
    assert "permit = 2001:db8::1/128" in stanza(USER, "2001:db8::1")
    assert "permit = 192.0.2.1/255.255.255.255" in stanza(USER, "192.0.2.1")
