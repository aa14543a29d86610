"""Keeps the models equal to the PBX, by what the domain apps registered; it imports none of them."""
