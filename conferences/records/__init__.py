"""Afterwards: the pages of what is kept of each conference."""
