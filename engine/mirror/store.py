"""Writes what a tick changed: one transaction, in a thread, on copied values."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from . import registry
from .models import PBX, History, Mirrored, WorkerOwned
from .state import Changes, State

_BATCH = 500
# Fields whose values every driver takes as they are.
_PLAIN = (models.CharField, models.TextField, models.BooleanField, models.IntegerField, models.ForeignKey)


def inherit(state: State) -> None:
    """Load into the state what the former worker has stored and no list reports. Raises Django's `DatabaseError`."""
    for model in (*registry.models, *registry.history_models):
        if model.inherited:
            for row in model._base_manager.filter(model.open_rows, Q(pbx=state.pbx)):
                state.table(model).adopt(row)
    for step in registry.successions:
        step(state)


def write(changes: Changes) -> None:
    """Upsert and delete rows. Raises Django's `DatabaseError` when the database fails; then nothing is written."""
    if changes.is_empty:
        return
    with transaction.atomic():
        for model in changes.upserts:
            if changes.replace_all and issubclass(model, Mirrored):
                model._base_manager.filter(pbx_id=changes.pbx).delete()
            elif keys := changes.removals[model]:
                for start in range(0, len(keys), _BATCH):
                    some = Q(pbx=changes.pbx, **{f"{model.key_field}__in": keys[start : start + _BATCH]})
                    model._base_manager.filter(some).delete()
            complete = changes.complete.get(model, [])
            if rows := [*(row.__dict__ for row in changes.upserts[model]), *complete]:
                _upsert(model, rows)
            over = len(changes.closed.get(model, ())) + len(complete)
            if over and issubclass(model, History):
                model.thin_out(changes.pbx, over)


@receiver(pre_delete, sender=PBX)
def end_what_is_open(sender: type[PBX], instance: PBX, **_signal: Any) -> None:
    """With a PBX go its mirrored rows, and with them whatever could end its history rows: those end at last contact."""
    for model in registry.history_models:
        open_rows = model._base_manager.filter(model.open_rows, pbx=instance.name)
        open_rows.update(**{model.end_field: instance.seen_at})


@dataclass(frozen=True, slots=True)
class _Upsert:
    """How rows of one model are written on one database, some three times as fast as by `bulk_create`."""

    # The SQL before, for each row, and after the values.
    head: str
    row: str
    tail: str
    columns: int
    values_of: Callable[[dict[str, Any]], tuple[Any, ...]]
    # For the values that the driver does not accept as they are: position, and conversion.
    prepared: tuple[tuple[int, Callable[[Any], Any]], ...]
    # Converts the time of writing, which is the last column where the model has such a field (see `History`).
    stamp: Callable[[datetime], Any] | None

    def sql(self, rows: int = 1) -> str:
        return f"{self.head}{', '.join([self.row] * rows)}{self.tail}"


@cache
def _upsert_of(model: type[WorkerOwned], vendor: str) -> _Upsert:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    written_field = model.written_field if issubclass(model, History) else ""
    fields.sort(key=lambda field: field.name == written_field)
    given = [field for field in fields if field.name != written_field]
    quote = connection.ops.quote_name
    columns = [quote(str(field.column)) for field in fields]
    unique = [quote(str(field.column)) for field in fields if field.name in ("pbx", model.key_field)]
    head = f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)}) "
    if vendor == "postgresql":  # one array for each column
        types = [str(field.db_type(connection)).partition("(")[0] for field in fields]
        row = f"SELECT * FROM UNNEST({', '.join(f'%s::{type}[]' for type in types)})"  # noqa: S608 (of our own models' types)
    else:
        head, row = f"{head}VALUES ", f"({', '.join('?' * len(fields))})"
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in columns if column not in unique)
    return _Upsert(
        head,
        row,
        f" ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {changes}",
        len(fields),
        itemgetter(*[field.attname for field in given]),
        tuple((at, _preparing(field, vendor)) for at, field in enumerate(given) if not isinstance(field, _PLAIN)),
        _preparing(fields[-1], vendor) if written_field else None,
    )


def _preparing(field: "models.Field[Any, Any]", vendor: str) -> Callable[[Any], Any]:
    if isinstance(field, models.DateTimeField) and vendor == "sqlite":
        return _sqlite_time
    # A row that changes again has the same times as before.
    return lru_cache(maxsize=10_000)(lambda value: field.get_db_prep_save(value, connection))


def _sqlite_time(value: datetime | None) -> str | None:
    """As Django stores a time, which takes five times as long: hardly any two events have the same."""
    if value is None:
        return None
    return str(value if value.tzinfo is UTC else value.astimezone(UTC))[: -len("+00:00")]


def _upsert(model: type[WorkerOwned], rows: list[dict[str, Any]]) -> None:
    upsert = _upsert_of(model, connection.vendor)
    table = list(map(list, map(upsert.values_of, rows)))
    if upsert.prepared:
        for values in table:
            for at, prepare in upsert.prepared:
                values[at] = prepare(values[at])
    if upsert.stamp is not None:
        stamp = upsert.stamp(timezone.now())
        for values in table:
            values.append(stamp)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(upsert.sql(), [list(column) for column in zip(*table, strict=True)])
    else:
        _upsert_into_sqlite(upsert, table)


def _upsert_into_sqlite(upsert: _Upsert, table: list[list[Any]]) -> None:
    """Many rows in one statement: after each, this thread must wait for its turn, which in a storm of events, while the
    event loop has no rest, is some 5 ms. The numbers of rows are powers of two, so that each text is prepared once.
    """
    connection.ensure_connection()
    sqlite: sqlite3.Connection = connection.connection
    most = min(_BATCH, sqlite.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // upsert.columns)
    start = 0
    while left := len(table) - start:
        rows = 1 << (min(left, most).bit_length() - 1)
        with connection.wrap_database_errors:
            sqlite.execute(upsert.sql(rows), list(chain.from_iterable(table[start : start + rows])))
        start += rows
