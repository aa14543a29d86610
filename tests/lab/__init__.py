"""The lab: a real Asterisk on loopback, telephones for it, and fixtures that hand both to tests."""
