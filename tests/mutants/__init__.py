"""Deliberate small faults in the product, tried one by one: `python -m tests.mutants` shows that the tests notice them.

The table moves with the code: whoever changes a line that it names changes the row too.
"""
