"""Writes what a tick changed: one transaction, in a thread, on copied values."""

from django.db import transaction

from .models import Mirrored
from .state import Changes

_BATCH = 500


def write(changes: Changes) -> None:
    """Upsert and delete rows. Raises Django's `DatabaseError` when the database will not; then nothing is written."""
    if changes.is_empty:
        return
    with transaction.atomic():
        for model in changes.upserts:
            if changes.replace_all:
                model._base_manager.filter(pbx_id=changes.pbx).delete()
            elif keys := changes.removals[model]:
                for start in range(0, len(keys), _BATCH):
                    model._base_manager.filter(
                        pbx_id=changes.pbx, **{f"{model.key_field}__in": keys[start : start + _BATCH]}
                    ).delete()
            if rows := changes.upserts[model]:
                _upsert(model, rows)


def _upsert(model: type[Mirrored], rows: list[Mirrored]) -> None:
    unique = ["pbx", model.key_field]
    rest = [field.name for field in model._meta.concrete_fields if field.name not in ("id", *unique)]
    model._base_manager.bulk_create(
        rows, batch_size=_BATCH, update_conflicts=True, unique_fields=unique, update_fields=rest
    )
