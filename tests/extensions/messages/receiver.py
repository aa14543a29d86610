"""A mail server (aiosmtpd) that keeps what it is given."""

import ssl
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.lab.asterisk import free_port


@dataclass
class Got:
    """One e-mail, as it came."""

    sender: str
    to: list[str]
    mail: EmailMessage

    @property
    def text(self) -> str:
        return str(self.mail.get_content())


class Receiver:
    """Answers with `answers` in turn, then takes everything. With a context it speaks TLS by STARTTLS, and takes a
    log-in, only of `login`.
    """

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None, login: tuple[str, str] = ("", "")) -> None:
        self.port = port or free_port()
        self.got: list[Got] = []
        # For recipients, and for what is sent.
        self.answers_to_rcpt: list[str] = []
        self.answers: list[str] = []
        self.login = login
        options: dict[str, Any] = {}
        if context is not None:
            options = {
                "tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": self._admit,
            }  # fmt: skip
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def _admit(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        is_right = (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=is_right, handled=is_right)

    async def handle_RCPT(  # noqa: N802 (as the library calls it)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers_to_rcpt.pop(0) if self.answers_to_rcpt else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            self.got.append(Got(envelope.mail_from or "", list(envelope.rcpt_tos), mail))
        return answer
