"""Writes the audit trail: every command that anybody gives, before it is sent, and its answer after."""

import uuid

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Left

from engine.mirror.commands import Command, Outcome

from .models import SUBJECT_SIZE, AuditEntry


class Trail:
    """The auditor of the commands (see `engine.mirror.commands.Auditor`)."""

    def begin(self, command: Command) -> bool:
        try:
            with transaction.atomic():
                AuditEntry.objects.create(
                    command_id=command.id,
                    user_id=command.user_id,
                    username=User.objects.get(pk=command.user_id).get_username(),
                    via=command.via[:120],
                    pbx=command.pbx,
                    verb=command.verb.name,
                    subject=command.subject[:SUBJECT_SIZE],
                    topic=command.topic[:200],
                )
        except IntegrityError:
            return False
        return True

    def claim(self, command_id: str) -> bool:
        return bool(AuditEntry.objects.filter(command_id=command_id, claimed=False).update(claimed=True))

    def end(self, command_id: str, outcome: Outcome) -> None:
        AuditEntry.objects.filter(command_id=command_id).update(
            status=outcome.status.value, answer=Left(Concat(Value(outcome.text), F("answer")), 400)
        )

    def note(self, pbx: str, verb: str, subject: str, topic: str, answer: str) -> None:
        AuditEntry.objects.create(
            command_id=uuid.uuid4().hex, username="", pbx=pbx, verb=verb, subject=subject[:SUBJECT_SIZE],
            topic=topic[:200], claimed=True, status="done", answer=answer[:400],
        )  # fmt: skip

    def follow_up(self, command_id: str, text: str) -> None:
        # It may come before `end`, which then keeps it.
        AuditEntry.objects.filter(command_id=command_id).update(
            answer=Left(Concat(F("answer"), Value(f"; {text}")), 400)
        )
