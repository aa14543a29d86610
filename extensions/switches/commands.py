"""What can be done with a switch of a PBX: it is thrown."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from engine import limits
from engine.ami import actions
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.verbs import Feature, Parameters, Rule, Target, Weight, parameter, permission, verb

from ..presence.commands import in_turn, on_or_off
from .models import DEVICE_OFF, DEVICE_ON, Switch

SEE = permission(
    "extensions.switch",
    "see_switches",
    gettext_lazy("Can see the switches of the PBX"),
    ("Viewer", "Operator", "Moderator", "Integrator", "Administrator"),
)
THROW = permission(
    "extensions.switch",
    "throw_switches",
    gettext_lazy("Can throw the switches of the PBX"),
    ("Operator", "Moderator", "Administrator"),
)
MANAGE = permission(
    "extensions.switch", "manage_switches", gettext_lazy("Can name the switches of the PBX"), ("Administrator",)
)
SWITCHES = Feature(
    gettext_noop("switches such as the night service"), Weight.USEFUL, ("DBGet",), ("DeviceStateChange",)
)


def _find(pbx: str, key: str) -> Switch | None:
    return Switch.objects.filter(pbx=pbx, pk=limits.key_in(key)).first()


SWITCH: Target[Switch] = Target(
    "switch",
    "switches/<str:pbx>/<segment:key>/",
    find=_find,
    current=lambda state, key: Switch(pk=int(key), pbx=state.pbx),
    key_of=lambda row: str(row.pk),
    pbx_of=lambda row: row.pbx,
    gone=gettext_lazy("This switch is no longer there."),
    topic=lambda row: f"switch/{row.pk}",
)


@dataclass(frozen=True, slots=True)
class Throw(Parameters):
    """Whether it is to be on; and which entry of the AstDB then holds what, and which device is set."""

    on: str = parameter(on_or_off())
    family: str = ""
    key: str = ""
    value: str = ""
    device: str = ""


def _as_named(user: User, row: Switch, wanted: Throw) -> Throw:
    family, key = row.parts
    value = row.on_value if wanted.on == "on" else row.off_value
    return replace(wanted, family=family, key=key, value=value, device=row.device)


def _done(row: Switch, wanted: Throw) -> str:
    return _("%(name)s: %(word)s") % {"name": row.name, "word": row.word(wanted.on == "on")}


@verb(
    "throw",
    gettext_lazy("Throw a switch"),
    SWITCH,
    Rule(THROW),
    parameters=Throw,
    actions=[actions.db_put, actions.db_del, actions.setvar_global],
    feature=SWITCHES,
    prepare=_as_named,
    describe=lambda row, wanted: f"{row.name}: {wanted.on}",
    done=_done,
    example={"on": "on"},
)
async def throw(ctx: CommandContext, row: Switch, wanted: Throw) -> Outcome:
    """`DBPut` or `DBDel` of its entry, and `Setvar` of its device state: of those it has."""
    outcome = await in_turn(ctx, *_actions(wanted))
    ctx.state.request("switches", "")
    return outcome


def _actions(wanted: Throw) -> list[Action]:
    found = []
    if wanted.key and wanted.value:
        found.append(actions.db_put(wanted.family, wanted.key, wanted.value))
    elif wanted.key:
        found.append(actions.db_del(wanted.family, wanted.key))
    if wanted.device:
        state = DEVICE_ON if wanted.on == "on" else DEVICE_OFF
        found.append(actions.setvar_global(f"DEVICE_STATE({wanted.device})", state))
    return found
