"""People from a CSV file: what it would change is shown first, then done, then undone; and written to a file again."""

import csv
import io
import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from extensions.people import csv_file, importing
from extensions.people.models import PeopleImport, Person
from tests.access import people
from tests.matrix import FULL

from .test_people import add

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    people.pbx()
    client = Client()
    client.force_login(people.person("Administrator", "root"))
    return client


def give(client: Client, content: str | bytes, **fields: str) -> Any:
    """Send a file; the page that follows."""
    data = content.encode() if isinstance(content, str) else content
    return client.post("/people/import/", {"file": SimpleUploadedFile("people.csv", data), **fields}, follow=True)


def do(client: Client, content: str | bytes) -> Any:
    """Send a file and import what it says; the page that follows."""
    shown = give(client, content)
    assert shown.status_code == 200, shown.content.decode()
    path = shown.redirect_chain[-1][0]
    return client.post(path, {"digest": shown.context["plan"].digest}, follow=True)


def names() -> list[str]:
    return sorted(Person.objects.values_list("name", flat=True))


def test_what_a_file_would_change_is_shown_and_nothing_is_changed(admin: Client) -> None:
    add("Anna", extension="101", department="Sales")
    add("Ben", extension="102", department="Sales")
    Person.objects.update(by_hand=[])
    before = [person.values() for person in Person.objects.all()]
    shown = give(
        admin,
        "Name,Extension,Department,Floor\nAnna,101,Support,3\nBen,102,Sales,\nCarla,103,Sales,2\n,104,Sales,\nDan,10x,,\n",
    )
    plan = shown.context["plan"]
    assert [step.changes for step in plan.changed] == [[("department", "Sales", "Support")]]
    assert [step.person.name for step in plan.unchanged] == ["Ben"]
    assert [step.values["name"] for step in plan.added] == ["Carla"]
    assert plan.refused == [
        (5, "Enter a name."),
        (6, "“10x” is no extension: use digits, * and #, without blanks."),
    ]
    assert plan.table.kept == ("Floor",)
    html = shown.content.decode()
    for text in ("<del><bdi>Sales</bdi></del>", "<ins><bdi>Support</bdi></ins>", "Carla", "Line 6", "Floor"):
        assert text in html
    assert [person.values() for person in Person.objects.all()] == before


def test_an_import_is_done_and_undone(admin: Client) -> None:
    anna = add("Anna", extension="101", department="Sales", mobile="0172")
    Person.objects.update(by_hand=[])
    before = Person.objects.get().values()
    page = do(admin, "name;extension;department\nAnna;101;Support\nCarla;103;Sales\n")
    assert "1 added, 1 changed, 0 refused." in page.content.decode()
    assert names() == ["Anna", "Carla"]
    anna.refresh_from_db()
    # What the file has no column for is as it was.
    assert anna.values() == {**before, "department": "Support"}
    # What was imported was not edited by hand.
    assert anna.by_hand == []
    last = PeopleImport.objects.get()
    assert "Undo the last import" in admin.get("/people/import/").content.decode()
    page = admin.post(f"/people/import/{last.pk}/undo/", follow=True)
    assert "1 person was deleted, 1 changed back." in page.content.decode()
    assert Person.objects.get().values() == before
    again = admin.post(f"/people/import/{last.pk}/undo/")
    assert again.status_code == 409
    assert "Only the last import can be undone" in again.content.decode()


def test_what_was_changed_since_is_not_undone(admin: Client) -> None:
    anna = add("Anna", extension="101", department="Sales", title="Head")
    Person.objects.update(by_hand=[])
    do(admin, "name,extension,department,title\nAnna,101,Support,Chief\nCarla,103,,\nDan,104,,\n")
    carla = Person.objects.get(name="Carla")
    admin.post(f"/people/{anna.pk}/", {"name": "Anna", "extension": "101", "department": "Board", "title": "Chief"})
    admin.post(f"/people/{carla.pk}/", {"name": "Carla", "extension": "103", "note": "mornings"})
    admin.post(f"/people/import/{PeopleImport.objects.get().pk}/undo/")
    assert names() == ["Anna", "Carla"]
    anna.refresh_from_db()
    assert (anna.department, anna.title) == ("Board", "Head")


def test_what_was_edited_by_hand_is_not_overwritten(admin: Client) -> None:
    anna = add("Anna", extension="101", department="Sales")
    Person.objects.update(by_hand=["department"])
    shown = give(admin, "name,extension,department,title\nAnna,101,Support,Head\n")
    assert "edited by hand, so kept: department" in shown.content.decode()
    do(admin, "name,extension,department,title\nAnna,101,Support,Head\n")
    anna.refresh_from_db()
    assert (anna.department, anna.title) == ("Sales", "Head")


def test_a_file_says_nothing_new_the_second_time(admin: Client) -> None:
    content = "name,extension,e-mail,Floor\nAnna,101,anna@example.org,3\nBen,,ben@example.org,\nCarla,,,\n"
    do(admin, content)
    shown = give(admin, content)
    plan = shown.context["plan"]
    assert (plan.added, plan.changed, len(plan.unchanged)) == ([], [], 3)
    assert "This would change nothing." in shown.content.decode()


def test_somebody_is_known_by_e_mail_then_extension_then_name(admin: Client) -> None:
    add("Anna", email="anna@example.org", extension="101")
    add("Ben", extension="102")
    add("Carla")
    Person.objects.update(by_hand=[])
    plan = importing.plan_of(
        "name,e-mail,extension,title\nAnna Alpha,ANNA@example.org,201,\nBenjamin,,102,\nCarla,,,Head\n"
        "Anna,other@example.org,,\n"
    )
    assert [step.person.name for step in plan.changed] == ["Anna", "Ben", "Carla"]
    # Another Anna, by her e-mail.
    assert [step.values["email"] for step in plan.added] == ["other@example.org"]


def test_duplicates_are_refused_with_their_lines(admin: Client) -> None:
    add("Anna", email="anna@example.org")
    add("Dan")
    add("Dan", note="the other one")
    plan = importing.plan_of(
        "name,extension,e-mail,note\nBen,101,,\nCarla,101,,\nAnna,,anna@example.org,1\nAnna,,anna@example.org,2\nDan,,,\n"
    )
    assert plan.refused == [
        (3, "Line 2 has the extension 101 too: one extension is one person's."),
        (5, "It is about the same person as line 4."),
        (6, "Several people are called Dan: add their e-mail or extension."),
    ]


def test_two_may_swap_their_extensions(admin: Client) -> None:
    add("Anna", email="anna@example.org", extension="101")
    add("Ben", email="ben@example.org", extension="102")
    Person.objects.update(by_hand=[])
    do(admin, "name,e-mail,extension\nAnna,anna@example.org,102\nBen,ben@example.org,101\n")
    assert {person.name: person.values()["extension"] for person in Person.objects.all()} == {
        "Anna": ["102"],
        "Ben": ["101"],
    }


def test_an_extension_of_somebody_else_is_refused(admin: Client) -> None:
    add("Anna", email="anna@example.org", extension="101")
    add("Ben", email="ben@example.org", extension="102")
    Person.objects.update(by_hand=[])
    plan = importing.plan_of("name,e-mail,extension\nBen,ben@example.org,101\n")
    assert plan.refused == [(2, "Somebody else has the extension 101: one extension is one person's.")]


def test_what_has_changed_since_it_was_shown_is_shown_again(admin: Client) -> None:
    shown = give(admin, "name,extension\nAnna,101\n")
    add("Anna", extension="101", title="Head")
    path = shown.redirect_chain[-1][0]
    answer = admin.post(path, {"digest": shown.context["plan"].digest})
    assert answer.status_code == 409
    assert "people have changed meanwhile" in answer.content.decode()
    assert answer.context["plan"].added == []


def test_nobody_imports_what_another_has_given(admin: Client) -> None:
    shown = give(admin, "name\nAnna\n")
    other = Client()
    other.force_login(people.person("Administrator", "other", "PJSIP/105"))
    assert other.get(shown.redirect_chain[-1][0]).status_code == 404


# What files are like.


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("姓名,分机,部门\n李雷,101,销售\n".encode("utf-8-sig"), "utf-8"),
        ("姓名,分机,部门\n李雷,101,销售\n".encode(), "utf-8"),
        ("姓名,分机,部门\n李雷,101,销售\n".encode("gb18030"), "gb18030"),
        ("name;ext;dept\nZoë Müller;101;Küche\n".encode("latin-1"), "latin-1"),
        (b"name\text\tdept\nAnna\t101\tSales\n", "utf-8"),
        (b"Name|Extension|Department\r\nAnna|101|Sales\r\n", "utf-8"),
    ],
)
def test_encodings_and_delimiters_are_recognized(content: bytes, encoding: str) -> None:
    text, read_as = csv_file.text_of(content)
    assert read_as == encoding
    table = csv_file.table_of(text)
    assert table.fields == ("name", "department", "extension")
    assert table.lines[0].cells in (
        {"name": "李雷", "extension": "101", "department": "销售"},
        {"name": "Zoë Müller", "extension": "101", "department": "Küche"},
        {"name": "Anna", "extension": "101", "department": "Sales"},
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\n \n", "The file is empty."),
        (b"PK\x03\x04\0\0", "This is no CSV file."),
        (b"a,b,c\n1,2,3\n", "No column is called “name”."),
        (b"name,ext,extension\n", "Two columns are both read as “extension”"),
        ((",".join(["name", *map(str, range(50))]) + "\n").encode(), "has 51 columns; at most 40"),
        (b'name\nAnna\n"Ben\nCarla\n', "Line 3 cannot be read"),
        (b"name\n" + b"A\n" * 10_001, "has 10001 lines; at most 10000"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_a_sentence(admin: Client, content: bytes, sentence: str) -> None:
    answer = give(admin, content)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not PeopleImport.objects.exists()


def test_a_file_that_is_not_in_the_encoding_that_was_chosen_is_refused(admin: Client) -> None:
    answer = give(admin, "name\nZoë\n".encode("latin-1"), encoding="utf-8")
    assert answer.status_code == 422
    assert "not in the encoding UTF-8" in answer.content.decode()
    assert "Choose a file first." in admin.post("/people/import/").content.decode()


def test_a_line_with_more_cells_than_columns_is_refused(admin: Client) -> None:
    plan = importing.plan_of("name,ext\nAnna,101,\nBen,102,x\n")
    assert [step.values["name"] for step in plan.added] == ["Anna"]
    assert plan.refused == [(3, "It has more cells than the first line has columns.")]


def test_a_formula_is_kept_as_text_and_written_so_that_none_is_run(admin: Client) -> None:
    do(admin, 'name,department,note,outside,Sum\n=1+1,+cmd,"@x",+49 30 1,-2\n')
    anna = Person.objects.get()
    assert (anna.name, anna.department, anna.note, anna.extra) == ("=1+1", "+cmd", "@x", {"Sum": "-2"})
    text = admin.get("/people/export.csv").content.decode("utf-8-sig")
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["name"], row["department"], row["note"], row["outside"], row["Sum"]) == (
        "'=1+1", "'+cmd", "'@x", "'+49 30 1", "'-2",
    )  # fmt: skip
    # What was written is read again as it was.
    plan = importing.plan_of(text)
    assert (plan.added, plan.changed, len(plan.unchanged)) == ([], [], 1)


def test_an_export_holds_all_that_is_shared(admin: Client) -> None:
    add("Anna", extension="101, 102", mobile="0172", phones="PJSIP/101", pbx="main", tags="a, b", hidden="on")
    add("Plumber", owner=people.person("Operator", "ben", "PJSIP/102"))
    answer = admin.get("/people/export.csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows == [
        {
            "name": "Anna", "department": "", "title": "", "e-mail": "", "note": "", "extension": "101, 102",
            "mobile": "0172", "outside": "", "phones": "PJSIP/101", "tags": "a, b", "PBX": "main", "hidden": "yes",
        }
    ]  # fmt: skip
    assert answer["Content-Disposition"] == 'attachment; filename="people.csv"'


@pytest.mark.matrix
def test_four_times_as_many_lines_take_about_four_times_as_long(admin: Client) -> None:
    def seconds_for(count: int) -> float:
        """Of processor time, to import so many people, and again with one department of them changed."""
        lines = (f"Anna Alpha {n},{10_000 + n},Department {n % 40},anna{n}@example.org" for n in range(count))
        content = "name,extension,department,e-mail\n" + "\n".join(lines)
        Person.objects.all().delete()
        began = time.process_time()
        do(admin, content)
        assert Person.objects.count() == count
        do(admin, content.replace("Department 7,", "Another,"))
        assert Person.objects.filter(department="Another").count() == count // 40
        return time.process_time() - began

    few = 1280 if FULL else 320
    # With a step that looks at all people for each line it comes near sixteen times.
    assert seconds_for(4 * few) < 8 * seconds_for(few)
