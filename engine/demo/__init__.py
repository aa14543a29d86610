"""A PBX that speaks AMI on loopback, for trying the panel without Asterisk.

`model` is what a switch is made of, `switch` what it does and tells, `dialplan` what a dialled number does,
`simulator` the people who call each other. `states`, `astdb`, `configuration`, `functions` and `cli` are what else a
PBX knows, `manager` is one AMI session without a socket, `server` the socket. `python -m engine.demo` runs it.
"""

from .server import DemoPbx

__all__ = ["DemoPbx"]
