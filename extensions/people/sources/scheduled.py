"""LDAP is read every so often, and when somebody asks for it, by a companion of the mirror, in a process of its own:
nothing live waits for it.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from engine.database import in_thread
from engine.mirror.companions import Leading

from . import ldap

logger = logging.getLogger(__name__)

# How often it is looked whether it is time, and how long a reading with its import may take, in seconds.
LOOK_EVERY, TIME_LIMIT = 2.0, ldap.RUN_LIMIT


async def keep(leading: Leading) -> None:
    """Read LDAP each `LDAP_MINUTES`, and when somebody asks, whichever of the workers is the first to see it."""
    every = timedelta(minutes=settings.LDAP_MINUTES)
    while True:
        if leading.is_held() and await in_thread(ldap.begin)(timezone.now() - every if every else None):
            await read()
        await asyncio.sleep(LOOK_EVERY)


async def read(*command: str) -> None:
    """Run `import_ldap` (or another command) to its end, for as long as it may take."""
    process = await asyncio.create_subprocess_exec(
        *(command or (sys.executable, str(settings.BASE_DIR / "manage.py"), "import_ldap")),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIME_LIMIT):
            code = await process.wait()
    except TimeoutError:
        logger.error("Reading LDAP took longer than %s seconds, and was ended.", TIME_LIMIT)
        await in_thread(ldap.failed)("silent")
    else:
        if code not in (0, 1):
            logger.error("Reading LDAP ended with exit status %s.", code)
            await in_thread(ldap.failed)("broken")
    finally:
        # And the program that it may wait for.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
