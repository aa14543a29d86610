"""What a process of the pool does."""

import logging
import os
from collections import Counter

from .parts import PARTS


def begin() -> None:
    """Once in each process."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")
    django.setup()
    logging.disable(logging.CRITICAL)


def work(name: str, first: int, count: int) -> Counter[str]:
    return PARTS[name].run(first, count)
