"""What the tests of the mirror share."""

import pytest

from .events import Told


@pytest.fixture
def told() -> Told:
    """A state that knows nothing yet, ready to be told events."""
    return Told()
