"""How much a field of a form or of an address may hold, where that is not `limits.FIELD`."""

from collections.abc import Mapping

from engine.limits import (
    ADDRESS,
    CONFERENCE,
    CONFIG_STEPS,
    CONFIG_VALUE,
    NAMED,
    PEOPLE,
    PERSON,
    RULES,
    SUBJECT,
    USER_NAME,
)

# By the name of the route and of the field, in characters; `*` at the end stands for any more. Whoever receives a
# field may take less of it, and says so itself.
FIELDS: Mapping[str, Mapping[str, int]] = {
    "login": {"username": USER_NAME},
    "invite": {"numbers": PEOPLE * PERSON},
    "group": {"people": PEOPLE * PERSON},
    "group-new": {"people": PEOPLE * PERSON},
    "system-action-send": {"more": SUBJECT, "field:*": SUBJECT},
    "system-config-review": {"lines-*": CONFIG_STEPS * CONFIG_VALUE},
    "system-config-write": {"lines-*": CONFIG_STEPS * CONFIG_VALUE},
    "system_clirules_*": {"allowed": RULES, "refused": RULES},
    "webhook-*": {"extensions": NAMED * ADDRESS, "conferences": NAMED * CONFERENCE},
    "auth_group_*": {"dial_policy-*": RULES},
}
