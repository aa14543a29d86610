"""The doctor: finds what is wrong between the panel and one PBX, and says what to do.

`engine.examine` runs the checks, in the order in which things go wrong, over AMI sessions of its own; `requirements`
knows which feature of the panel needs what of the manager user; `report` is the result.
"""
