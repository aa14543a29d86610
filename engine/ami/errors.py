"""Everything that can go wrong between us and a manager interface, one class for each remedy."""


def gettext_noop(text: str) -> str:
    """Marks a sentence for the translators; whoever shows it translates it."""
    return text


class AmiError(Exception):
    """The base of all errors of this library. Its text is a sentence fit to be shown to a user.

    It keeps the sentence (with `%(name)s` for what varies) and the parameters apart, so that it can be shown
    in another language.
    """

    def __init__(self, sentence: str, **parameters: object) -> None:
        super().__init__(sentence, parameters)
        self.sentence = sentence
        self.parameters = {name: str(value) for name, value in parameters.items()}

    def __str__(self) -> str:
        return self.sentence % self.parameters


class IllegalField(AmiError, ValueError):
    """A field of an action contains what AMI cannot carry (CR, LF, NUL, half a surrogate pair); nothing was sent."""


class NotAmi(AmiError):
    """Whatever listens at that address does not greet as Asterisk's manager interface does."""


class TooOld(AmiError):
    """Asterisk is so old that its events lack fields without which nothing can be shown."""


class MessageTooLarge(AmiError):
    """The peer sent a message longer than the limit; the stream cannot be trusted any further."""


class ConnectFailed(AmiError):
    """No connection could be made: name not resolved, refused, timed out, or TLS failed."""


class LoginRefused(AmiError):
    """Asterisk answered the login with an error: wrong user or secret, or an address it does not permit."""


class LinkLost(AmiError):
    """The connection ended, or stayed silent for so long that it is taken for dead."""


class AnswerTimeout(AmiError):
    """An action was sent and no (whole) answer came in time. Whether it took effect is not known."""
