"""vCards: read through the preview that a CSV file has, and written of whoever is seen."""

import base64
import html
import time
from typing import Any

import pytest
import vobject
from django.test import Client

from extensions.people import csv_file, photos
from extensions.people.models import PeopleImport, Person
from extensions.people.sources import vcards
from tests.access import people
from tests.access.people import NOBODY

from .test_import import admin, do, give, names
from .test_people import add
from .test_photos import client, huge_png, picture

__all__ = ["admin"]  # a fixture
pytestmark = pytest.mark.django_db


def three(*lines: str, name: str = "Anna Alpha") -> str:
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"N:{name};;;;", f"FN:{name}", *lines, "END:VCARD", ""])


def four(*lines: str, name: str = "Anna Alpha") -> str:
    return "\r\n".join(["BEGIN:VCARD", "VERSION:4.0", f"FN:{name}", *lines, "END:VCARD", ""])


def photo_line(content: bytes) -> str:
    return f"PHOTO;ENCODING=b;TYPE=JPEG:{base64.b64encode(content).decode()}"


CARD3 = three(
    "ORG:Acme\\, Inc.;Sales;East", "TITLE:Head", "TEL;TYPE=WORK,VOICE:+49 (30) 123-45", "TEL;TYPE=CELL:0172 5",
    "TEL;TYPE=WORK:101", "TEL;TYPE=WORK,FAX:+49 30 99", "item1.EMAIL;TYPE=INTERNET,PREF:zoe@example.org",
    "EMAIL;TYPE=HOME:home@example.org", "NOTE:mornings\\, then\\nnot", "CATEGORIES:keys,first aid",
    "X-SOMETHING:else", name="Zoë Müller",
)  # fmt: skip
CARD4 = four(
    "TEL;VALUE=uri;TYPE=\"voice,work\":tel:+86-10-1;ext=102", "TEL;VALUE=uri;TYPE=cell:tel:+86-172",
    "TEL;TYPE=home:(030) 55", "EMAIL:second@example.org", "EMAIL;PREF=1:li@example.org", "ORG:研发",
    "KIND:individual", name="李雷",
)  # fmt: skip


def test_cards_of_both_versions_are_read(admin: Client) -> None:
    do(admin, f"{CARD3}\r\n{CARD4}")
    assert [person.values() for person in Person.objects.order_by("pk")] == [
        {
            "name": "Zoë Müller", "department": "Sales", "title": "Head", "email": "zoe@example.org",
            "note": "mornings, then not", "extension": ["101"], "mobile": ["0172 5"],
            "outside": ["+49 (30) 123-45"], "phones": [], "tags": ["keys", "first aid"], "pbx": "", "hidden": False,
        },
        {
            "name": "李雷", "department": "研发", "title": "", "email": "li@example.org", "note": "",
            "extension": ["102"], "mobile": ["+86-172"], "outside": ["+86-10-1", "030 55"], "phones": [], "tags": [],
            "pbx": "", "hidden": False,
        },
    ]  # fmt: skip
    assert [person.extra for person in Person.objects.order_by("pk")] == [{"company": "Acme, Inc."}, {}]


def test_what_cards_would_change_is_shown_and_can_be_undone(admin: Client) -> None:
    zoe = add("Zoë Müller", email="zoe@example.org", department="Support", phones="PJSIP/101", tags="old")
    Person.objects.update(by_hand=["tags"], extra={"Floor": "3"})
    before = Person.objects.get().values()
    shown = give(admin, CARD3 + CARD4)
    plan = shown.context["plan"]
    assert [len(part) for part in (plan.added, plan.changed, plan.unchanged, plan.refused)] == [1, 1, 0, 0]
    page = shown.content.decode()
    for text in ("Card 1", "<del><bdi>Support</bdi></del>", "<ins><bdi>Sales</bdi></ins>", "edited by hand, so kept"):
        assert text in page
    do(admin, CARD3 + CARD4)
    zoe.refresh_from_db()
    # Of what a card says nothing, it takes nothing away.
    assert (zoe.department, zoe.tags, zoe.values()["phones"]) == ("Sales", ["old"], ["PJSIP/101"])
    assert zoe.extra == {"Floor": "3", "company": "Acme, Inc."}
    page = admin.post(f"/people/import/{PeopleImport.objects.get().pk}/undo/", follow=True)
    assert "1 person was deleted, 1 changed back." in page.content.decode()
    zoe = Person.objects.get()
    assert (zoe.values(), zoe.extra) == (before, {"Floor": "3"})


def test_a_second_time_cards_say_nothing_new(admin: Client) -> None:
    cards = CARD3 + three(photo_line(picture()))
    do(admin, cards)
    plan = give(admin, cards).context["plan"]
    assert (plan.added, plan.changed, len(plan.unchanged)) == ([], [], 2)


def test_a_photo_is_drawn_anew_and_undone(admin: Client) -> None:
    anna = add("Anna Alpha")
    photos.keep(anna, photos.drawn(picture((50, 50))))
    former = anna.photo
    for card in (
        three(photo_line(picture() + b"<?php")),
        four(f"PHOTO:data:image/jpeg;base64,{base64.b64encode(picture() + b'<?php').decode()}"),
    ):
        page = give(admin, card)
        assert "another one" in page.content.decode()
        do(admin, card)
        anna.refresh_from_db()
        assert photos.of(anna) == photos.drawn(picture())
        assert anna.photo != former
        admin.post(f"/people/import/{PeopleImport.objects.first().pk}/undo/")  # type: ignore[union-attr]
        anna.refresh_from_db()
        assert (anna.photo, photos.digest_of(photos.of(anna))) == (former, former)


def test_a_photo_that_was_given_or_removed_by_hand_is_kept(admin: Client) -> None:
    anna = add("Anna Alpha")
    for image in (photos.drawn(picture((50, 50))), b""):
        photos.keep(anna, image, by_hand=True)
        do(admin, three(photo_line(picture()), f"TITLE:{len(image)}"))
        anna.refresh_from_db()
        assert photos.of(anna) == image


def test_whoever_was_given_another_photo_since_is_not_deleted(admin: Client) -> None:
    do(admin, three(photo_line(picture())))
    anna = Person.objects.get()
    photos.keep(anna, photos.drawn(picture((50, 50))), by_hand=True)
    admin.post(f"/people/import/{PeopleImport.objects.get().pk}/undo/")
    assert names() == ["Anna Alpha"]


@pytest.mark.parametrize("content", [b"no picture", huge_png(50_000, 50_000)])
def test_a_photo_that_is_none_is_left_out_and_the_rest_is_kept(admin: Client, content: bytes) -> None:
    assert "Without the photo:" in give(admin, three(photo_line(content), "TITLE:Head")).content.decode()
    do(admin, three(photo_line(content), "TITLE:Head"))
    anna = Person.objects.get()
    assert (anna.title, anna.photo) == ("Head", "")


def test_many_photos_are_not_decoded_for_ever() -> None:
    cards = vcards.lines_of("".join(three(photo_line(huge_png(5000, 4999))) for _number in range(12)))
    assert "damaged" in cards[0].warning
    assert "too many pixels" in cards[-1].warning


def test_an_address_of_a_photo_is_not_asked(admin: Client) -> None:
    do(admin, three("PHOTO;VALUE=uri:http://127.0.0.1:9/x.jpg") + four("PHOTO:http://127.0.0.1:9/x.jpg", name="Ben"))
    assert names() == ["Anna Alpha", "Ben"]
    assert not Person.objects.exclude(photo="").exists()


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("BEGIN:VCARD\nVERSION:2.1\nFN:Anna\nEND:VCARD\n", "export it as one of these"),
        ("BEGIN:VCARD\nFN:Anna\nEND:VCARD\n", "export it as one of these"),
        (three("PHOTO;ENCODING=b:A"), "It cannot be read as a vCard."),
        (three("EMAIL:nowhere"), "is no e-mail address"),
        (three("TEL:call mum"), "is not a number"),
        ("BEGIN:VCARD\nVERSION:3.0\nTITLE:Head\nEND:VCARD\n", "Enter a name."),
        (three("EMAIL:x@example.org") + three("EMAIL:x@example.org"), "It is about the same person as: Card 2."),
        (three("TEL:101", name="Ben") + three("TEL:101", name="Carla"), "Card 2 has the extension 101 too"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_meant_is_refused_and_the_others_are_not(admin: Client, card: str, sentence: str) -> None:
    if "same person" in sentence:
        add("Anna", email="x@example.org")
    shown = give(admin, three(name="First") + card)
    assert shown.status_code == 200
    plan = shown.context["plan"]
    assert plan.added[0].values["name"] == "First"
    [(where, words)] = plan.told_refusals
    assert where.startswith("Card ")
    assert sentence in words
    assert words in html.unescape(shown.content.decode())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("BEGIN:VCARD\nVERSION:3.0\nFN:Anna\n", "The file has no whole vCard"),
        ("BEGIN:VCARD\nEND:VCARD\n" * 10_001, "has 10001 cards; at most 10000"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_a_sentence(admin: Client, content: str, sentence: str) -> None:
    answer = give(admin, content)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_a_file_of_one_mebibyte_takes_bounded_time() -> None:
    text = "".join(three("ORG:x", f"TEL:{n}", f"EMAIL:a{n}@example.org", name=f"Anna {n}") for n in range(8000))
    began = time.process_time()
    assert len(vcards.lines_of(text)) == 8000
    # And so does one line that never ends.
    vcards.lines_of(three("NOTE:" + "x;,\\" * 200_000))
    vcards.lines_of(three("X" * 900_000))
    with pytest.raises(csv_file.Unreadable):
        vcards.lines_of("BEGIN:VCARD\n" * 80_000)
    assert time.process_time() - began < 30


# What is written.


def cards(answer: Any) -> list[Any]:
    assert answer.status_code == 200
    return list(vobject.readComponents(answer.content.decode()))


def test_what_was_written_is_read_again_as_it_was(admin: Client) -> None:
    do(admin, CARD3 + CARD4 + three(photo_line(picture())))
    before = {person.name: (person.values(), person.extra) for person in Person.objects.all()}
    answer = admin.get("/people/export.vcf")
    assert answer["Content-Type"] == "text/vcard; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="people.vcf"'
    plan = give(admin, answer.content).context["plan"]
    assert (plan.added, plan.changed, plan.refused, len(plan.unchanged)) == ([], [], [], 3)
    Person.objects.all().delete()
    do(admin, answer.content.decode())
    assert {person.name: (person.values(), person.extra) for person in Person.objects.all()} == before
    assert Person.objects.exclude(photo="").count() == 1


def test_an_export_holds_whom_one_may_see(admin: Client) -> None:
    ben = people.person("Operator", "ben", "PJSIP/102")
    add("Anna", extension="101")
    boss = add("Boss", hidden="on")
    plumber = add("Plumber", owner=ben)
    own, viewer = Client(), client("Viewer")
    own.force_login(ben)
    told = [[card.fn.value for card in cards(browser.get("/people/export.vcf"))] for browser in (admin, own, viewer)]
    assert told == [["Anna", "Boss"], ["Anna", "Plumber"], ["Anna"]]
    assert cards(own.get(f"/people/{plumber.pk}/card.vcf"))[0].fn.value == "Plumber"
    for hidden in (boss, plumber):
        assert viewer.get(f"/people/{hidden.pk}/card.vcf").status_code == 404
    nobody = Client()
    nobody.force_login(people.person(NOBODY, "nobody", "PJSIP/108"))
    assert nobody.get("/people/export.vcf").status_code == 403


def test_a_file_of_one_person_is_called_as_they_are(admin: Client) -> None:
    zoe = add("Zoë\u2028/../Müller", title="a;b,c\\n")
    answer = admin.get(f"/people/{zoe.pk}/card.vcf")
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''zo%C3%AB-m%C3%BCller.vcf"
    assert cards(answer)[0].title.value == "a;b,c\\n"
    assert f'href="/people/{zoe.pk}/card.vcf"' in admin.get(f"/people/{zoe.pk}/menu/").content.decode()
