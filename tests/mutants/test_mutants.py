"""Every row of the table is a fault of the code as it is: who changes a line that a row names changes the row too."""

from collections import Counter
from pathlib import Path

import pytest

from .fault import Fault
from .table import FAULTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.meaning)
def test_a_row_can_be_put_into_the_code(fault: Fault) -> None:
    assert fault.tests
    fault.faulty(ROOT)


def test_no_fault_is_there_twice() -> None:
    assert max(Counter(fault.meaning for fault in FAULTS).values()) == 1
    assert max(Counter((fault.file, fault.text, fault.instead) for fault in FAULTS).values()) == 1
