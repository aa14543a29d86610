"""What the page of a record and its CSV files say, put together from what is stored."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from audit.models import AuditEntry
from conferences.models import Participant
from conferences.records.models import Attendance, ConferenceRecord
from conferences.rooms.models import Room
from conferences.targets import topic_of

# How much of the search words is searched for.
_LONGEST_SEARCH = 100

# Begin and end, in milliseconds since the conference began.
Span = tuple[int, int]


def visible_to(user: User) -> QuerySet[ConferenceRecord]:
    """The records that this user may see: all, or those of their rooms. Raises `PermissionDenied` for who has none."""
    records = ConferenceRecord.objects.all()
    if user.has_perm("conferences.see_conferences"):
        return records
    rooms = Room.objects.filter(moderators=user.pk)
    if not (user.is_active and rooms.exists()):
        raise PermissionDenied
    return records.filter(Exists(rooms.filter(pbx=OuterRef("pbx"), number=OuterRef("name"))))


def matching(records: QuerySet[ConferenceRecord], words: str) -> QuerySet[ConferenceRecord]:
    """Those where the name or number of the conference, room or a participant has these words."""
    words = words[:_LONGEST_SEARCH]
    rooms = Room.objects.filter(pbx=OuterRef("pbx"), number=OuterRef("name"), name__icontains=words)
    people = Attendance.objects.filter(
        Q(caller_name__icontains=words) | Q(caller_number__icontains=words), pbx=OuterRef("pbx"), record=OuterRef("key")
    )
    return records.filter(Q(name__icontains=words) | Exists(rooms) | Exists(people))


@dataclass(frozen=True, slots=True)
class Line:
    """One record in the list."""

    record: ConferenceRecord
    # Its planned room's name, if it has one.
    room: str
    talked: timedelta

    @property
    def lasted(self) -> timedelta:
        return (self.record.ended_at or timezone.now()) - self.record.started_at


def lines(records: Iterable[ConferenceRecord]) -> list[Line]:
    """The records of one page of the list. Queries the database twice, however many they are."""
    records = list(records)
    attendances = Attendance.objects.filter(
        pbx__in={record.pbx for record in records}, record__in=[record.key for record in records]
    )
    sums = attendances.order_by().values_list("pbx", "record").annotate(Sum("talked"))
    talked = {(pbx, key): timedelta(milliseconds=total) for pbx, key, total in sums}
    rooms = Room.objects.filter(number__in={record.name for record in records})
    names = {(room.pbx, room.number): room.name for room in rooms}
    return [
        Line(record, names.get((record.pbx, record.name), ""), talked.get((record.pbx, record.key), timedelta()))
        for record in records
    ]


@dataclass(slots=True)
class Person:
    """Somebody who took part: one channel, however often it left and came back."""

    attendance: Attendance
    joined_at: datetime
    # None while they are still present.
    left_at: datetime | None = None
    stays: list[Span] = field(default_factory=list)
    talks: list[Span] = field(default_factory=list)
    talked: timedelta = timedelta()
    # Of all talk, from 0 to 1.
    share: float = 0.0

    @property
    def label(self) -> str:
        return self.attendance.label

    @property
    def number(self) -> str:
        """The number, where the label is something else."""
        number = self.attendance.caller_number
        return number if number != self.label else ""

    @property
    def admin(self) -> bool:
        return self.attendance.admin

    @property
    def stayed(self) -> timedelta:
        return timedelta(milliseconds=sum(end - begin for begin, end in self.stays))

    @property
    def percent(self) -> float:
        return self.share * 100


@dataclass(frozen=True, slots=True)
class Report:
    """A conference as it was; a running one so far."""

    record: ConferenceRecord
    # When it ended, or until when this describes it.
    until: datetime
    people: list[Person]
    acts: list[AuditEntry]

    @property
    def lasted(self) -> timedelta:
        return self.until - self.record.started_at

    @property
    def talked(self) -> timedelta:
        return sum((person.talked for person in self.people), timedelta())

    def since_start(self, moment: datetime) -> int:
        """A moment in milliseconds since the conference began, none before that."""
        return max(0, round((moment - self.record.started_at) / timedelta(milliseconds=1)))


def report_of(record: ConferenceRecord, now: datetime) -> Report:
    """All that is known of a conference now, in three database queries."""
    until = max(record.ended_at or now, record.started_at)
    acts = AuditEntry.objects.filter(
        pbx=record.pbx, topic=topic_of(record.name)[:200], at__gte=record.started_at, at__lte=until
    )
    report = Report(record, until, [], list(acts.order_by("at", "id")))
    people: dict[str, Person] = {}
    talking = _talking(record)
    for row in Attendance.objects.filter(pbx=record.pbx, record=record.key):
        person = people.setdefault(row.uniqueid, Person(row, row.joined_at))
        person.attendance = row
        end = row.left_at or until
        joined, left = report.since_start(row.joined_at), report.since_start(end)
        person.left_at = row.left_at or record.ended_at
        person.stays.append((joined, left))
        talks, talked = row.talk, row.talked
        since = talking.get(row.key)
        if since is not None and row.left_at is None:
            begin = min(report.since_start(since), left) - joined
            talks, talked = [*talks, (begin, left - joined)], talked + left - joined - begin
        person.talks += [(joined + begin, joined + end) for begin, end in talks]
        person.talked += timedelta(milliseconds=talked)
    report.people.extend(people.values())
    whole = report.talked
    for person in report.people:
        person.share = person.talked / whole if whole else 0.0
    return report


def _talking(record: ConferenceRecord) -> dict[str, datetime]:
    """Who is talking now, by the key of their attendance, and since when: that is no segment yet."""
    if record.ended_at is not None:
        return {}
    talkers = Participant.objects.filter(pbx=record.pbx, conference=record.name, talking=True)
    return {row.attendance: row.talking_since for row in talkers if row.talking_since is not None}
