"""Having a connection examined: done by the process that is asked, since the worker's link may be what is wrong."""

from django.utils.translation import gettext_lazy as _

from engine.mirror.models import PBX
from engine.mirror.verbs import ON_PBX, Parameters, Rule, Verb, verb

_RULE: Rule[PBX] = Rule("system.use_doctor")

examine: Verb[PBX, Parameters] = verb("examine", _("Examine"), ON_PBX, _RULE, view="system-doctor")(None)
# With a call to the phone, which counts as one of whoever asks.
examine_phone: Verb[PBX, Parameters] = verb(
    "examine-phone", _("Examine and ring the phone"), ON_PBX, _RULE, view="system-doctor", places_call=True
)(None)
