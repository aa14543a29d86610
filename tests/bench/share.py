"""A share of a core for a process, so that a machine of few cores can show what more of them would do.

By the kernel's control groups, of version 1 or 2; they need root.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
# In microseconds: short, so that a process that has used its share does not wait long.
_PERIOD = 10_000


class NoShares(Exception):
    """This machine gives no shares of a core out."""


@contextmanager
def share_of_a_core(pid: int, share: float) -> Iterator[None]:
    """Meanwhile this process gets no more than `share` (0 to 1) of a core. Raises `NoShares`."""
    quota = int(_PERIOD * share)
    if (_GROUPS / "cgroup.controllers").exists():
        parent, limits = _GROUPS, {"cpu.max": f"{quota} {_PERIOD}"}
    else:
        parent = _GROUPS / "cpu"
        limits = {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(quota)}
    group = parent / f"panel-bench-{os.getpid()}-{pid}"
    try:
        if parent == _GROUPS:
            (parent / "cgroup.subtree_control").write_text("+cpu")
        group.mkdir()
    except OSError as error:
        raise NoShares(f"{parent}: {error}") from None
    try:
        for name, limit in limits.items():
            (group / name).write_text(limit)
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        if Path(f"/proc/{pid}").exists():
            (parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()
