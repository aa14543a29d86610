"""What the live push sends over the channel layer, by which names, and how long that may take."""

# The group of the hubs: batches.
GROUP = "live"
# The group that is notified whose login, permissions or phone changed, and the type of such a message: ids of users,
# or None for everybody.
PEOPLE, PEOPLE_CHANGED = "people", "people.changed"
# The type of a message from a hub to a worker: which languages are in use.
LANGUAGES = "live.languages"
# How long the channel layer may take for one thing that needs no waiting, in seconds.
LAYER_TIMEOUT = 2.0
