"""The simulated switch: its channels, bridges, conferences and parked calls, and the events that tell of them.

It does no I/O; its clock and its randomness are handed in. What it emits has the names, the fields and the order
of Asterisk 22 (main/manager_channels.c, manager_bridges.c, apps/confbridge/confbridge_manager.c) as far as the
panel reads them; `tests/engine/demo/test_contract.py` compares both.

`switch` is the whole of it. `channels`, `places` (in the dialplan), `calls`, `local`, `bridges`, `transfers`,
`parking`, `conferences`, `spying` and `hangup` are its duties, `events` and `devices` how it tells of them.
"""

from .switch import Switch

__all__ = ["Switch"]
