"""Which users have no phone or context, or one that the PBX does not know: what each of them will miss."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from django.utils.translation import gettext_noop

from engine.ami import actions

from .dialling import INVALID, UNAVAILABLE, can_be_asked_for, context_exists
from .examination import Examination, Person
from .report import Finding, Text, ok, skipped, warning

# How many names stand in a sentence, and how many phones that are no PJSIP endpoints are asked about.
_SHOWN, _ASKED = 20, 200


async def phones_and_contexts(examination: Examination) -> Finding:
    """`PJSIPShowEndpoints`, `DEVICE_STATE`, `DIALPLAN_EXISTS`: do the phones and contexts of all users exist?"""
    people = examination.wanted.people
    without_phone = [one for one in people if one.by_phone and not one.phone]
    without_context = [one for one in people if one.by_context and not one.context]
    with_phone = [one for one in people if one.by_phone and one.phone]
    with_context = [one for one in people if one.by_context and one.context]
    seen = [*_missed(gettext_noop("Without a phone: %(users)s."), without_phone, lambda one: one.by_phone)]
    seen += _missed(gettext_noop("Without a dial context: %(users)s."), without_context, lambda one: one.by_context)
    phones = await _states(examination, {one.phone for one in with_phone})
    contexts = {name: await _exists(examination, name) for name in sorted({one.context for one in with_context})}

    def having(state: str) -> list[Person]:
        return [one for one in with_phone if phones[one.phone] == state]

    sentence = gettext_noop("With a phone that Asterisk does not know: %(users)s.")
    seen += _missed(sentence, having(_UNKNOWN), lambda one: one.by_phone, lambda one: one.phone)
    sentence = gettext_noop("With a phone that is not registered, or does not answer: %(users)s.")
    seen += _missed(sentence, having(_ABSENT), lambda one: one.by_phone, lambda one: one.phone)
    lost = [one for one in with_context if contexts[one.context] is False]
    sentence = gettext_noop("With a dial context that is not in the dialplan: %(users)s.")
    seen += _missed(sentence, lost, lambda one: one.by_context, lambda one: one.context)

    facts = {
        "users": len(people),
        "no_phone": _names(without_phone),
        "no_context": _names(without_context),
        "unknown_phone": _names(having(_UNKNOWN)),
        "absent_phone": _names(having(_ABSENT)),
        "unknown_context": _names(lost),
    }
    unasked = []
    if having(""):
        unasked.append(
            Text(
                gettext_noop("It could not be queried whether these phones exist: %(phones)s."),
                phones=_listed(sorted({one.phone for one in having("")})),
            )
        )
    if unknown := [name for name, exists in contexts.items() if exists is None]:
        unasked.append(
            Text(
                gettext_noop("It could not be queried whether these contexts exist: %(contexts)s."),
                contexts=_listed(unknown),
            )
        )
    if not seen and unasked:
        return skipped(*unasked, **facts)
    if not seen:
        text = gettext_noop("Users who have the phone and the dial context that they need: %(number)s.")
        return ok(Text(text, number=len(people)), **facts)
    return warning(
        *seen,
        *unasked,
        advice=[
            Text(
                gettext_noop(
                    "Choose one of them above for what to do. Phones and contexts are entered under “My phone”, or by "
                    "an administrator under Administration."
                )
            )
        ],
        **facts,
    )


def _missed(
    sentence: str,
    people: Iterable[Person],
    verbs: Callable[[Person], tuple[str, ...]],
    detail: Callable[[Person], str] = lambda one: "",
) -> list[Text]:
    """A sentence for those who miss the same, with what they miss."""
    by_verbs: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for one in people:
        shown = f"{one.name} ({detail(one)})" if detail(one) else one.name
        by_verbs[verbs(one)].append(shown)
    missed = gettext_noop("%(lack)s Does not work for them: %(verbs)s.")
    return [
        Text(missed, lack=Text(sentence, users=_listed(names)), verbs=", ".join(labels))
        for labels, names in by_verbs.items()
    ]


def _listed(names: list[str]) -> str:
    """The first of them, and that there are more."""
    return ", ".join([*names[:_SHOWN], *(["…"] if len(names) > _SHOWN else [])])


def _names(people: Iterable[Person]) -> list[str]:
    return [one.name for one in people]


# What is known of a phone; nothing where it could not be asked.
_THERE, _ABSENT, _UNKNOWN = "there", "absent", "unknown"


async def _states(examination: Examination, phones: set[str]) -> dict[str, str]:
    """Phone → what is known of it."""
    states = dict.fromkeys(phones, "")
    if examination.may("PJSIPShowEndpoints") and any(phone.startswith("PJSIP/") for phone in phones):
        # With no endpoint at all it answers with an error. One without a contact is unavailable, too.
        listed = {
            f"PJSIP/{event.get('ObjectName')}": event.get("DeviceState")
            for event in (await examination.ask_list(actions.pjsip_show_endpoints())).events
        }
        for phone in (phone for phone in phones if phone.startswith("PJSIP/")):
            state = listed.get(phone)
            states[phone] = {None: _UNKNOWN, "Unavailable": _ABSENT}.get(state, _THERE)
    if examination.may("Getvar"):
        unasked = sorted(phone for phone, state in states.items() if not state and can_be_asked_for(phone))
        for phone in unasked[:_ASKED]:
            state = await examination.value(f"DEVICE_STATE({phone})")
            if state:
                states[phone] = {INVALID: _UNKNOWN, UNAVAILABLE: _ABSENT}.get(state, _THERE)
    return states


async def _exists(examination: Examination, context: str) -> bool | None:
    return await context_exists(examination, context) if can_be_asked_for(context) else False
