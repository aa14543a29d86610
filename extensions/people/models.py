"""People: who is reached at which numbers and phones; and the contacts of one user alone."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from engine import limits
from engine.mirror.models import PBX
from engine.mirror.sanitize import unaccented
from engine.mirror.verbs import permission

from .avatars import Avatar, avatar_of
from .numbers import key_of
from .searching import digits_of, folded

_EVERYBODY = ("Viewer", "Operator", "Moderator", "Integrator", "Administrator")
SEE = permission("extensions.person", "see_people", _("Can see people and whether they are busy"), _EVERYBODY)
MANAGE = permission(
    "extensions.person", "manage_people", _("Can add, change and import people"), ("Administrator",)
)  # fmt: skip
SEE_PRIVATE = permission(
    "extensions.person", "see_private_numbers", _("Can see mobile numbers of people"),
    ("Operator", "Moderator", "Administrator"),
)  # fmt: skip
# Who calls has contacts of their own.
CALL = "calls.originate"

# How much one person may have of each.
NUMBERS, PHONES, TAGS = 10, 10, 20
NOTE = 500
# What a form, a CSV file and the record of what was edited by hand call them, in this order.
TEXTS = ("name", "department", "title", "email", "note")
LISTS = ("extension", "mobile", "outside", "phones", "tags")
FIELDS = (*TEXTS, *LISTS, "pbx", "hidden")
# What they say of somebody of whom nothing is known.
NOTHING: Mapping[str, Any] = {name: [] if name in LISTS else False if name == "hidden" else "" for name in FIELDS}
LABELS = {
    "name": _("name"),
    "department": _("department"),
    "title": _("title"),
    "email": _("e-mail"),
    "note": _("note"),
    "extension": _("extension"),
    "mobile": _("mobile"),
    "outside": _("outside line"),
    "phones": _("phones"),
    "tags": _("tags"),
    "pbx": _("PBX"),
    "hidden": _("hidden"),
}

# Without accents and in lower case a name may be longer.
_DEPARTMENT_KEY = 3 * limits.NAME


class Person(models.Model):
    """Somebody who can be called: of the house, or a contact; shared, or of one user alone (`owner`)."""

    name = models.CharField(_("name"), max_length=limits.NAME)
    department = models.CharField(_("department"), max_length=limits.NAME, blank=True)
    title = models.CharField(_("title"), max_length=limits.NAME, blank=True)
    email = models.EmailField(_("e-mail"), max_length=limits.NAME, blank=True)
    note = models.CharField(_("note"), max_length=NOTE, blank=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    # Its name, not the PBX: a person outlives one that is taken away for a while. Empty: whichever has the phone.
    pbx = models.CharField(_("PBX"), max_length=32, blank=True)
    # Neither on the wall nor found by whoever may not manage people.
    hidden = models.BooleanField(_("hidden"), default=False)
    user = models.OneToOneField(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="person", verbose_name=_("user")
    )
    owner = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        db_index=False,
        related_name="contacts",
        verbose_name=_("contact of"),
    )
    # Of `FIELDS`: an import leaves these as they are.
    by_hand = models.JSONField(default=list, editable=False)
    # What a CSV file has told besides, by the heads of its columns.
    extra = models.JSONField(default=dict, editable=False)
    # By which the photo is known again; empty where there is none.
    photo = models.CharField(max_length=16, blank=True, editable=False)
    # See `searching`.
    folded = models.TextField(editable=False)
    # Where in that the numbers begin that not everybody may see, as databases count: from 1.
    private_at = models.PositiveIntegerField(default=1, editable=False)
    # Of the `Department` of this name, where there is one; see `key_of_department`.
    department_key = models.CharField(max_length=_DEPARTMENT_KEY, db_index=True, default="", editable=False)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["name", "pk"]
        default_permissions = ()
        # Of own contacts alone: one in which nearly everybody has no owner would be read beside the table, and took two
        # thirds of a search.
        indexes = [models.Index(fields=["owner"], condition=models.Q(owner__isnull=False), name="own_contacts")]

    def __str__(self) -> str:
        return self.name

    @property
    def dom_id(self) -> str:
        return f"person-{self.pk}"

    @property
    def avatar(self) -> Avatar:
        """What is drawn where there is no photo."""
        return avatar_of(self.name)

    @property
    def all_numbers(self) -> "list[PersonNumber]":
        """The numbers, the one that is called first in front. Queries the database unless they were fetched with it."""
        return sorted(self.numbers.all(), key=lambda number: (number.order, number.pk))

    def values(self) -> dict[str, Any]:
        """What `FIELDS` say of it."""
        numbers = self.all_numbers
        lists: dict[str, list[str]] = {
            kind: [number.number for number in numbers if number.kind == kind] for kind in PersonNumber.Kind.values
        }
        lists["phones"] = [phone.endpoint for phone in sorted(self.phones.all(), key=lambda phone: phone.pk)]
        lists["tags"] = list(self.tags)
        return {**{name: getattr(self, name) for name in TEXTS}, **lists, "pbx": self.pbx, "hidden": self.hidden}


class PersonNumber(models.Model):
    """A number at which a person is reached."""

    class Kind(models.TextChoices):
        EXTENSION = "extension", _("extension")
        MOBILE = "mobile", _("mobile")
        OUTSIDE = "outside", _("outside line")

    # Those that are seen by permission.
    PRIVATE = (Kind.MOBILE,)

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="numbers")
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices)
    number = models.CharField(_("number"), max_length=limits.NUMBER, db_index=True)
    order = models.PositiveSmallIntegerField(default=0)
    # Of a shared person's extension its PBX and itself, which nobody else has; None for all other numbers.
    claim = models.CharField(max_length=limits.NUMBER + 33, null=True, unique=True, editable=False)
    # By what it is known again when somebody calls, and the country (PHONE_COUNTRY) for which that was made.
    key = models.CharField(max_length=limits.NUMBER, db_index=True, default="", editable=False)
    country = models.CharField(max_length=2, default="?", editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.number


class PersonPhone(models.Model):
    """An endpoint that is a phone of a person."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="phones")
    endpoint = models.CharField(_("endpoint"), max_length=150, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.endpoint


class PersonPhoto(models.Model):
    """The photo of a person, as `photos.drawn` has made it; empty where somebody has removed it by hand."""

    person = models.OneToOneField(Person, on_delete=models.CASCADE, primary_key=True, related_name="portrait")
    image = models.BinaryField()
    # An import leaves it as it is.
    by_hand = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.person)


class LdapEntry(models.Model):
    """A person whom LDAP has told of."""

    person = models.OneToOneField(Person, on_delete=models.CASCADE, primary_key=True, related_name="ldap")
    # By which the entry is known again, whatever it is called by then: `objectGUID`, `entryUUID`, or else its DN.
    key = models.CharField(max_length=255, unique=True)
    # What it has told of each field, as it is typed; of a photo the digest.
    told = models.JSONField(default=dict)
    # Since when LDAP tells of it no more.
    gone_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class Department(models.Model):
    """Who sees the people of a department, where that is not everybody."""

    class VisibleTo(models.TextChoices):
        EVERYBODY = "everybody", _("everybody")
        DEPARTMENT = "department", _("the department itself")
        MANAGERS = "managers", _("managers alone")

    # See `key_of_department`.
    key = models.CharField(max_length=_DEPARTMENT_KEY, unique=True, editable=False)
    visible_to = models.CharField(_("visible to"), max_length=10, choices=VisibleTo.choices)

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        ordering = ["key"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class LdapRun(models.Model):
    """When LDAP was read last, and what came of it: one row for all PBXs and processes."""

    class Outcome(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=7, choices=Outcome.choices, blank=True)
    # Of a failure which of `sources.ldap.FAILURES` it is, and what the library says.
    reason = models.CharField(max_length=10, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    # How many were added, changed, unchanged, refused and are gone; and of those that are refused the first sentences.
    counts = models.JSONField(default=dict)
    refused = models.JSONField(default=list)
    # When it was read to the end.
    done_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.outcome


class PeopleImport(models.Model):
    """A CSV file that somebody has given, or what was read elsewhere: what is in it, and once it was imported, what was
    there before.
    """

    class Kind(models.TextChoices):
        CSV = "csv", "CSV"
        VCARD = "vcard", "vCard"
        PBX = "pbx", _("PBX")

    class State(models.TextChoices):
        SHOWN = "shown", _("shown")
        DONE = "done", _("done")
        UNDONE = "undone", _("undone")

    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.CSV)
    file = models.CharField(max_length=100, blank=True)
    # The text of a CSV file, or what `sources.rows` has written.
    text = models.TextField()
    state = models.CharField(max_length=6, choices=State.choices, default=State.SHOWN)
    # {"added": {pk: values}, "changed": {pk: {field: [before, after]}}, "extra": {pk: {head: [before, after]}},
    # "photos": {pk: [before, after]}}: of a photo the picture before, and its digest after.
    undo = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.file


def key_of_department(name: str) -> str:
    """By what a department is known again: in lower case and without accents."""
    return unaccented(name)[:_DEPARTMENT_KEY]


def claim_of(pbx: str, extension: str) -> str:
    """What only one shared person has."""
    return f"{pbx}/{extension}"


def holder_of(pbx: str, extension: str, but: int | None = None) -> Person | None:
    """The shared person who has this extension on that PBX, unless it is that one. An extension without a PBX is held
    on each. Queries the database.
    """
    held = PersonNumber.objects.filter(kind="extension", number=extension).exclude(claim=None)
    if pbx:
        held = held.filter(Q(person__pbx=pbx) | Q(person__pbx=""))
    found = held.exclude(person=but).select_related("person").first()
    return found.person if found else None


# What follows from the rest.
_DERIVED = ("folded", "private_at", "department_key")


def put(people: Iterable[tuple[Person, Mapping[str, Any]]]) -> None:
    """Give people, saved ones or new ones, these values of `FIELDS`, all of them. A few statements for all of them,
    in a transaction of the caller's. Raises `IntegrityError` where an extension is held by somebody else.
    """
    people = list(people)
    for person, values in people:
        for name in (*TEXTS, "tags", "pbx", "hidden"):
            setattr(person, name, values[name])
        names = (person.name, person.department, person.title, *person.tags)
        public = folded(names, _numbers_in(values, private=False))
        private = " ".join(filter(None, map(digits_of, _numbers_in(values, private=True))))
        person.folded, person.private_at = f"{public}\t{private}" if private else public, len(public) + 1
        person.department_key = key_of_department(person.department)
    new = [person for person, _values in people if person.pk is None]
    changed = [person for person, _values in people if person.pk is not None]
    Person.objects.bulk_create(new, batch_size=500)
    columns = (*TEXTS, "tags", "pbx", "hidden", "user", "by_hand", "extra", *_DERIVED)
    Person.objects.bulk_create(
        changed, batch_size=500, update_conflicts=True, unique_fields=["id"], update_fields=columns
    )
    _replace_numbers(people)


def _numbers_in(values: Mapping[str, Any], *, private: bool) -> list[str]:
    kinds = (kind for kind in PersonNumber.Kind.values if (kind in PersonNumber.PRIVATE) is private)
    return [number for kind in kinds for number in values[kind]]


def _replace_numbers(people: Collection[tuple[Person, Mapping[str, Any]]]) -> None:
    keys = [person.pk for person, _values in people]
    for start in range(0, len(keys), 500):
        for model in (PersonNumber, PersonPhone):
            model.objects.filter(person__in=keys[start : start + 500]).delete()
    numbers = [
        PersonNumber(
            person=person, kind=kind, number=number, order=order,
            claim=claim_of(person.pbx, number) if kind == "extension" and person.owner_id is None else None,
            key=key_of(number, kind == "extension"), country=settings.PHONE_COUNTRY,
        )
        for person, values in people
        for order, (kind, number) in enumerate(
            (kind, number) for kind in PersonNumber.Kind.values for number in values[kind]
        )
    ]  # fmt: skip
    PersonNumber.objects.bulk_create(numbers, batch_size=500)
    phones = [PersonPhone(person=person, endpoint=phone) for person, values in people for phone in values["phones"]]
    PersonPhone.objects.bulk_create(phones, batch_size=500)


def make_keys(using: str = "default", **options: Any) -> None:
    """After `migrate`: know numbers again by the country as it is set by now, and those that are older than keys."""
    old = PersonNumber.objects.using(using).exclude(country=settings.PHONE_COUNTRY)
    while rows := list(old[:1000]):
        for row in rows:
            row.key, row.country = key_of(row.number, row.kind == "extension"), settings.PHONE_COUNTRY
        PersonNumber.objects.using(using).bulk_create(
            rows, batch_size=500, update_conflicts=True, unique_fields=["id"], update_fields=["key", "country"]
        )


# Who may be seen by whom.


def _departments(*visible_to: str) -> "models.QuerySet[Department, str]":
    return Department.objects.filter(visible_to__in=visible_to).order_by().values_list("key", flat=True)


def everybody(prefix: str = "") -> Q:
    """The people whom everybody may see who may see people; `prefix` leads to them from another model."""
    restricted = _departments(Department.VisibleTo.DEPARTMENT, Department.VisibleTo.MANAGERS)
    shared = Q((f"{prefix}owner", None), (f"{prefix}hidden", False))
    return shared & ~Q((f"{prefix}department_key__in", restricted))


def seen_by(user: User) -> "models.QuerySet[Person]":
    """The people whom a user may see: the shared ones by permission, and their own contacts."""
    seen = Q(owner=user)
    if user.has_perm(MANAGE):
        seen |= Q(owner=None)
    elif user.has_perm(SEE):
        seen |= everybody() | Q(owner=None, hidden=False, department_key__in=own_departments([user.pk]).values("key"))
    return Person.objects.filter(seen)


# The permission to see the people of a department that is seen by itself alone, before its key.
OF_DEPARTMENT = "extensions.department/"


def seen_with(permissions: Collection[str]) -> Q:
    """The shared people whom somebody with these permissions may see, beside seeing people."""
    if MANAGE in permissions:
        return Q(owner=None)
    own = [name.removeprefix(OF_DEPARTMENT) for name in permissions if name.startswith(OF_DEPARTMENT)]
    return everybody() | Q(owner=None, hidden=False, department_key__in=own)


def restricted_departments() -> Mapping[str, str]:
    """Key of a department → who sees its people, where that is not everybody. Queries the database."""
    return dict(Department.objects.values_list("key", "visible_to"))


def permissions_for(person: Person, restricted: Mapping[str, str]) -> tuple[str, str]:
    """By which permission somebody is sent what is drawn of a person, or else by which other one."""
    match restricted.get(person.department_key):
        case Department.VisibleTo.DEPARTMENT:
            return f"{OF_DEPARTMENT}{person.department_key}", MANAGE
        case Department.VisibleTo.MANAGERS:
            return MANAGE, ""
        case _:
            return SEE, ""


def own_departments(user_ids: Collection[int]) -> "models.QuerySet[Department]":
    """The departments of these users that are seen by themselves alone."""
    keys = Person.objects.filter(user__in=user_ids, owner=None).order_by().values("department_key")
    return Department.objects.filter(visible_to=Department.VisibleTo.DEPARTMENT, key__in=keys)


def may_see_all_numbers(user: User) -> bool:
    """Whoever manages people sees what they write."""
    return user.has_perm(SEE_PRIVATE) or user.has_perm(MANAGE)


def may_see_number(user: User) -> Q:
    """The numbers that a user may see of people whom they see: their own and those of their contacts always."""
    if may_see_all_numbers(user):
        return Q()
    return ~Q(kind__in=PersonNumber.PRIVATE) | Q(person__owner=user) | Q(person__user=user)


def sees_all_numbers(user: User | None, person: Person) -> bool:
    """Whether a user may see all numbers of a person: their own and those of their contacts always. Without a user:
    everybody, who may not.
    """
    return user is not None and (user.pk in (person.owner_id, person.user_id) or may_see_all_numbers(user))


def numbers_for(user: User | None, person: Person) -> list[PersonNumber]:
    """The numbers of a person that a user may see; without a user, those that everybody may see."""
    numbers = person.all_numbers
    if sees_all_numbers(user, person):
        return numbers
    return [number for number in numbers if number.kind not in PersonNumber.PRIVATE]


def may_change(user: User, person: Person) -> bool:
    """Whether it is theirs, or shared and they manage people."""
    return user.has_perm(MANAGE) if person.owner_id is None else person.owner_id == user.pk


def pbx_names() -> list[str]:
    """Queries the database."""
    return list(PBX.objects.values_list("name", flat=True))
