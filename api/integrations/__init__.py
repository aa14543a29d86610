"""The button for calls on other pages: who may have it, what it is given, and the panel's own window for it."""
