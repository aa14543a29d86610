"""What a process of the pool does."""

import logging
import os
import traceback
from collections import Counter

from .parts import PARTS


def begin() -> None:
    """Once in each process."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")
    django.setup()
    logging.disable(logging.CRITICAL)


def work(name: str, first: int, count: int) -> Counter[str] | str:
    """What a batch has counted, or the traceback of what it has found (what is raised may not be known elsewhere)."""
    try:
        return PARTS[name].run(first, count)
    except Exception:
        return traceback.format_exc()
