"""The switches of the PBXs, such as the night service."""

from django.utils.translation import gettext_lazy as _

from extensions.switches.commands import SEE, SWITCH
from extensions.switches.fragments import shown
from extensions.switches.states import Position, positions

from . import schemas
from .operations import need_permission, operation
from .problems import NOT_FOUND, Problem
from .tokens import ApiRequest


def _out(position: Position) -> schemas.Switch:
    switch = position.switch
    return schemas.Switch(pbx=switch.pbx, id=str(switch.pk), name=switch.name, on=position.is_on, words=position.word)


@operation(
    "GET",
    "/switches",
    _("List the switches"),
    _("All switches of the PBXs, and whether each is on."),
    response={200: schemas.Switches},
    name="switches",
    tag="switches",
    scope=[SEE],
)
def switches(request: ApiRequest) -> schemas.Switches:
    need_permission(request, SEE)
    return schemas.Switches(items=[_out(position) for position in positions(shown())])


@operation(
    "GET",
    "/switches/{pbx}/{segment:switch}",
    _("Get a switch"),
    _("A switch of a PBX, and whether it is on."),
    response={200: schemas.Switch},
    name="switch",
    tag="switches",
    scope=[SEE],
)
def switch(request: ApiRequest, pbx: str, switch: str) -> schemas.Switch:
    need_permission(request, SEE)
    found = SWITCH.find(pbx, switch)
    if found is None:
        raise Problem(NOT_FOUND, SWITCH.gone)
    return _out(positions([found])[0])
