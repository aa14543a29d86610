"""Webhooks: what happens, sent to addresses that people enter, until it has arrived there."""
