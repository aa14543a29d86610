"""What a dialled number does, how telephones take a call, and Originate.

`dialplan` is the whole of it: it runs extensions step by step. `extensions` says which there are, `applications` what
each application does, `dial` and `confbridge` the two that do most, `joining` those by which a channel enters somebody
else's call, `parking` how a call is parked and comes back, `originate` how a call comes about that was asked for by
AMI.
"""

from .applications import SOUNDS, SYNOPSES
from .confbridge import HAND, HAND_KEY, MUTE_KEY
from .dialplan import Dialplan
from .extensions import CONTEXT, OUTSIDE_CONTEXT
from .originate import ANSWERED, Originate

__all__ = [
    "ANSWERED", "CONTEXT", "HAND", "HAND_KEY", "MUTE_KEY", "OUTSIDE_CONTEXT", "SOUNDS", "SYNOPSES", "Dialplan",
    "Originate",
]  # fmt: skip
