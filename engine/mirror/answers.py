"""The answer to a command, in the language of whoever reads it.

Answers are kept as they came: Asterisk's in English, and the panel's own in English too, whoever caused them.
"""

import functools
import re
from collections.abc import Callable, Sequence

from django.utils.translation import get_language, gettext, gettext_noop, ngettext, override

# What Asterisk answers to the actions that the panel sends, as 16 and 22 do.
_OF_ASTERISK = (
    gettext_noop("Success"),
    gettext_noop("Failure"),
    gettext_noop("Permission denied"),
    gettext_noop("Event Sent"),
    gettext_noop("Channel Hungup"),
    gettext_noop("No such channel"),
    gettext_noop("Originate successfully queued"),
    gettext_noop("Originate failed"),
    gettext_noop("Extension does not exist."),
    gettext_noop("Extension Status"),
    gettext_noop("Presence State"),
    gettext_noop("Redirect successful"),
    gettext_noop("Redirect failed"),
    gettext_noop("Redirect failed, channel not up."),
    gettext_noop("Variable Set"),
    gettext_noop("Variable not set"),
    gettext_noop("Command output follows"),
    gettext_noop("Command blacklisted"),
    gettext_noop("Module Reloaded"),
    gettext_noop("No such module"),
    gettext_noop("Added requested extension"),
    gettext_noop("User muted"),
    gettext_noop("User unmuted"),
    gettext_noop("User kicked"),
    gettext_noop("All participants kicked"),
    gettext_noop("Conference locked"),
    gettext_noop("Conference unlocked"),
    gettext_noop("Conference Recording Started."),
    gettext_noop("Conference Recording Stopped."),
    gettext_noop("Conference is already being recorded."),
    gettext_noop("Internal error while stopping recording."),
    gettext_noop("Conference single video source set."),
    gettext_noop("No Conference by that name found."),
    gettext_noop("No Channel by that name found in Conference."),
    gettext_noop("No channel by that name found in conference."),
    gettext_noop("No active conferences."),
    gettext_noop("Updated database successfully"),
    gettext_noop("Database entry not found"),
    gettext_noop("Database entry could not be deleted"),
    gettext_noop("Key deleted successfully"),
    gettext_noop("Key tree deleted successfully"),
    gettext_noop("Result will follow"),
    gettext_noop("Update did not complete successfully"),
    gettext_noop("Could not start monitoring channel"),
    gettext_noop("Could not stop monitoring channel"),
    gettext_noop("Could not change monitored filename of channel"),
    gettext_noop("Changed monitor filename"),
    gettext_noop("Started monitoring channel"),
    gettext_noop("Stopped monitoring channel"),
    gettext_noop("Paused monitoring of the channel"),
    gettext_noop("Unpaused monitoring of the channel"),
)
# What the panel itself stores as an answer.
_OF_PANEL = (
    gettext_noop("%(response)s, reason %(reason)s"),
    gettext_noop("changed meanwhile"),
    gettext_noop("The file has changed."),
    gettext_noop("It was written, but does not read back as expected."),
    gettext_noop("Monitor is already running"),
    gettext_noop("Monitor is not running"),
    gettext_noop("lock after %(minutes)s min"),
    gettext_noop("greeting %(sound)s"),
    gettext_noop("lecture mode"),
    gettext_noop("start recording"),
    gettext_noop("lock"),
    gettext_noop("invite %(number)s"),
    gettext_noop("nothing to do"),
    gettext_noop("This is not a number."),
    gettext_noop("Whoever planned the room may not place calls."),
    gettext_noop("Whoever planned the room has no dial context."),
    gettext_noop("refused"),
    gettext_noop("not connected"),
)
# The same of sentences that are marked for the translators where they are made.
_MARKED_ELSEWHERE = (
    "They are already in a side room.",
    "This number is already being called.",
    "The panel is told of no entry of the AstDB for this: an administrator can set ASTDB_KEYS.",
    "Asterisk did not set it: its module func_presencestate or func_devstate is not loaded.",
    "It cannot contain line breaks.",
    "A rule of one of your groups refuses “%(command)s”.",
    "You may not place calls yet: none of your groups has a dial policy. Ask an administrator for one.",
    "You may not call from %(text)s. Enter your own phone under “My phone”, or ask an administrator.",
    "You may not dial in the context “%(text)s”. Enter another one, or ask an administrator.",
    "You may not call as %(text)s. Enter your own extension, or ask an administrator.",
    "You may not call %(text)s. Ask an administrator if you need to.",
    # What was wrong with the link.
    "Asterisk did not answer %(action)s within %(seconds)s s.",
    "Asterisk closed the connection.",
    "Asterisk has been silent for %(seconds)s s.",
    "Asterisk has ended our session.",
    "Asterisk refuses the login of “%(user)s” (%(answer)s): check the user, the secret, and the permitted addresses in "
    "its manager.conf.",
    "No connection to %(where)s: %(reason)s.",
    "No further session could be opened in time.",
    "The connection broke: %(reason)s.",
    "The connection was closed.",
    "The name %(host)s cannot be resolved.",
    "Time ran out before all of it was done.",
    "There is no connection.",
    "%(where)s does not answer; a firewall may drop the connection.",
    "%(where)s sends no greeting; is this Asterisk's manager interface?",
    "%(where)s refuses the connection; is Asterisk running, with AMI enabled?",
)
SENTENCES: Sequence[str] = (*_MARKED_ELSEWHERE, *_OF_ASTERISK, *_OF_PANEL)
# Those with a number: singular and plural.
PLURALS: Sequence[tuple[str, str]] = (
    (
        "You may place %(limit)d call a minute. Wait a little, then try again.",
        "You may place %(limit)d calls a minute. Wait a little, then try again.",
    ),
    (
        "You may place %(limit)d call a day. Ask an administrator if you need more.",
        "You may place %(limit)d calls a day. Ask an administrator if you need more.",
    ),
)
_GAP = re.compile(r"%\((\w+)\)([sd])")


def in_words(kept: str) -> str:
    """An answer as stored → the same in the active language; what is not known stays as it is."""
    if not kept or (get_language() or "en").startswith("en"):
        return kept
    known = _translated(kept)
    if known is not None:
        return known
    first, several, others = kept.partition("; ")
    if several:
        return gettext("%(first)s; %(others)s") % {"first": in_words(first), "others": in_words(others)}
    what, ended, why = kept.partition(": ")
    if ended and (done := _translated(what)) is not None:
        return gettext("%(what)s: %(why)s") % {"what": done, "why": in_words(why)}
    return kept


def in_english(sentence: Callable[[], str]) -> str:
    """What a function says in the active language, as it is to be stored."""
    with override("en"):
        return sentence()


def _translated(kept: str) -> str | None:
    """A known sentence; what varies in it is inserted as it is, unless it is known too."""
    if kept in SENTENCES:
        return gettext(kept)
    for expression, one, many in _expressions():
        match = expression.fullmatch(kept)
        if match and many:
            number = int(match["limit"])
            return ngettext(one, many, number) % {"limit": number}
        if match:
            return gettext(one) % {name: _translated(value) or value for name, value in match.groupdict().items()}
    return None


@functools.cache
def _expressions() -> list[tuple[re.Pattern[str], str, str]]:
    """For each sentence with placeholders: its pattern, the sentence, and its plural where it has one."""
    varying = [(sentence, sentence, "") for sentence in SENTENCES if _GAP.search(sentence)]
    numbers = [(form, one, many) for one, many in PLURALS for form in (one, many)]
    return [(_expression(form), one, many) for form, one, many in (*varying, *numbers)]


def _expression(sentence: str) -> re.Pattern[str]:
    text, at = "", 0
    for gap in _GAP.finditer(sentence):
        # Not the separator of several answers; nor, at the end, what introduces why it failed.
        held = r"[0-9]{1,9}" if gap[2] == "d" else "(?:(?!; |: ).)+" if gap.end() == len(sentence) else "(?:(?!; ).)+"
        text += re.escape(sentence[at : gap.start()]) + f"(?P<{gap[1]}>{held})"
        at = gap.end()
    return re.compile(text + re.escape(sentence[at:]), re.DOTALL)
