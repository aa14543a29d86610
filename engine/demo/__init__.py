"""A PBX that speaks AMI on loopback, for trying the panel without Asterisk.

`model` is the switch and what it says about itself, `dialplan` what a dialled number does, `life` the people who
call each other, `states`, `astdb`, `configuration` and `functions` what else a PBX knows, `manager` one AMI session
without a socket, `server` the socket. `python -m engine.demo` runs it.
"""

from .server import DemoPbx

__all__ = ["DemoPbx"]
