"""The table of actions: what ListCommands says of each, and who answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .messages import ActionFields

if TYPE_CHECKING:
    from .session import ManagerSession

Answerer = Callable[["ManagerSession", ActionFields], None]


class Refused(Exception):
    """An action that is answered with an error; the text is Asterisk's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One action: its name, what ListCommands says of it, and who answers it."""

    name: str
    synopsis: str
    privilege: str
    run: Answerer


# By the name of the action in small letters.
ANSWERS: dict[str, Answer] = {}


def answers(name: str, synopsis: str, privilege: str) -> Callable[[Answerer], Answerer]:
    """Register a function that answers this action."""

    def register(run: Answerer) -> Answerer:
        ANSWERS[name.lower()] = Answer(name, synopsis, privilege, run)
        return run

    return register
