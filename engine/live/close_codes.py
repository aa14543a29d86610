"""Codes of our own with which a socket is closed; the page shows each as a state of its own."""

# Of the codes that RFC 6455 names itself, Daphne (Autobahn) lets an application send 1000 alone.
NOT_LOGGED_IN, FORBIDDEN, NO_SUCH_VIEW = 4401, 4403, 4404
# The second for a database that cannot be reached.
FAILED, TRY_AGAIN_LATER = 4500, 4503
