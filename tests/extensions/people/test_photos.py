"""Photos of people: drawn anew, seen by whoever sees the person, refused in a sentence; else initials."""

import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from extensions.people import photos
from extensions.people.avatars import COLOURS, avatar_of
from extensions.people.fragments import on_the_wall, tiles_of
from extensions.people.models import Person, PersonPhoto
from tests.access import people
from tests.access.people import NOBODY

from .test_people import add

pytestmark = pytest.mark.django_db
STYLES = Path(__file__).resolve().parents[3] / "static" / "panel.css"


def picture(size: tuple[int, int] = (600, 300), kind: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    """A red square between two blue ones."""
    image = Image.new(mode, size, "blue")
    image.paste("red", (size[0] // 4, 0, size[0] * 3 // 4, size[1]))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A few bytes that say they were a picture of that size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.fixture
def admin() -> Client:
    people.pbx()
    client = Client()
    client.force_login(people.person("Administrator", "root"))
    return client


def client(group: str) -> Client:
    other = Client()
    other.force_login(people.person(group, "other", "PJSIP/107"))
    return other


def give(client: Client, person: Person, content: bytes) -> Any:
    file = SimpleUploadedFile("photo.jpg", content)
    return client.post(f"/people/{person.pk}/photo/", {"photo": file}, follow=True)


def test_a_photo_is_drawn_anew_and_nothing_rides_along(admin: Client) -> None:
    anna = add("Anna")
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif[0x8825] = {1: "N"}
    content = picture(exif=exif, comment=b"a secret comment") + b"<?php a tail ?>"
    assert b"taken at home" in content
    page = give(admin, anna, content)
    assert "The photo of Anna was saved." in page.content.decode()
    anna.refresh_from_db()
    answer = admin.get(f"/people/{anna.pk}/photo/?{anna.photo}")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer.content == photos.of(anna)
    for secret in (b"home", b"secret", b"php", b"Exif"):
        assert secret not in answer.content
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.mode, image.size, dict(image.getexif())) == ("JPEG", "RGB", (256, 256), {})
    # The middle of it.
    for at in ((5, 5), (128, 128), (250, 250)):
        red, _green, blue = image.getpixel(at)  # type: ignore[misc]
        assert red > 200
        assert blue < 60


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("WEBP", "RGB"), ("GIF", "P"), ("JPEG", "CMYK")]
)
def test_pictures_of_many_kinds_are_taken(kind: str, mode: str) -> None:
    image = Image.new("RGB", (40, 90), "green").convert(mode)
    out = io.BytesIO()
    image.save(out, kind)
    assert Image.open(io.BytesIO(photos.drawn(out.getvalue()))).size == (256, 256)


def test_a_picture_that_was_taken_on_its_side_stands_upright() -> None:
    image = Image.new("RGB", (100, 100), "blue")
    image.paste("red", (0, 0, 100, 50))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    red, _green, blue = Image.open(io.BytesIO(photos.drawn(out.getvalue()))).getpixel((250, 128))  # type: ignore[misc]
    assert red > 200
    assert blue < 60


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "This is no picture."),
        (b"%PDF-1.7", "This is no picture."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "This is no picture."),
        (picture(kind="TIFF"), "This is no picture."),
        (picture()[:600], "The picture is damaged."),
        (huge_png(6000, 6000), "too many pixels: at most 25 million"),
        (huge_png(50_000, 50_000), "too many pixels: at most 25 million"),
        (picture() + b"\0" * 30_000_000, "at most 1 MiB is accepted"),
    ],
    ids=["empty", "pdf", "svg", "tiff", "damaged", "large", "bomb", "30 MB"],
)
def test_what_is_no_picture_is_refused_in_a_sentence(admin: Client, content: bytes, sentence: str) -> None:
    anna = add("Anna", department="Sales")
    answer = give(admin, anna, content)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    # What is kept of the person stays, on the page too.
    assert 'value="Sales"' in answer.content.decode()
    assert not PersonPhoto.objects.exists()


def test_nothing_chosen_is_said(admin: Client) -> None:
    anna = add("Anna")
    answer = admin.post(f"/people/{anna.pk}/photo/")
    assert answer.status_code == 422
    assert "Choose a picture first." in answer.content.decode()


def test_a_photo_is_removed(admin: Client) -> None:
    anna = add("Anna")
    give(admin, anna, picture())
    assert "Remove the photo" in admin.get(f"/people/{anna.pk}/").content.decode()
    page = admin.post(f"/people/{anna.pk}/photo/remove/", follow=True).content.decode()
    assert "The photo of Anna was removed." in page
    assert admin.get(f"/people/{anna.pk}/photo/").status_code == 404
    assert "Remove the photo" not in page


def test_a_browser_keeps_a_photo_for_itself_and_asks_whether_it_has_changed(admin: Client) -> None:
    anna = add("Anna")
    give(admin, anna, picture())
    answer = admin.get(f"/people/{anna.pk}/photo/")
    assert set(answer["Cache-Control"].split(", ")) == {"private", "max-age=3600"}
    assert "Cookie" in answer["Vary"]
    again = admin.get(f"/people/{anna.pk}/photo/", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    give(admin, anna, picture((300, 600)))
    assert admin.get(f"/people/{anna.pk}/photo/", headers={"If-None-Match": answer["ETag"]}).status_code == 200
    # All else is kept by nobody.
    assert "no-store" in admin.get("/people/directory/")["Cache-Control"]


def test_a_photo_is_seen_by_whoever_sees_the_person(admin: Client) -> None:
    anna, boss = add("Anna"), add("Boss", hidden="on")
    for person in (anna, boss):
        give(admin, person, picture())
    viewer, nobody = client("Viewer"), Client()
    assert viewer.get(f"/people/{anna.pk}/photo/").status_code == 200
    assert viewer.get(f"/people/{boss.pk}/photo/").status_code == 404
    assert viewer.post(f"/people/{anna.pk}/photo/").status_code == 403
    assert viewer.post(f"/people/{anna.pk}/photo/remove/").status_code == 403
    assert nobody.get(f"/people/{anna.pk}/photo/").status_code == 302
    # Whoever may not is not told whether it has changed either.
    tag = admin.get(f"/people/{boss.pk}/photo/")["ETag"]
    assert viewer.get(f"/people/{boss.pk}/photo/", headers={"If-None-Match": tag}).status_code == 404
    nobody.force_login(people.person(NOBODY, "nobody", "PJSIP/108"))
    assert nobody.get(f"/people/{anna.pk}/photo/").status_code == 403


def test_the_photo_of_a_contact_of_ones_own_is_ones_own(admin: Client) -> None:
    ben = client("Operator")
    plumber = add("Plumber", owner=people.person("Operator", "ben", "PJSIP/102"))
    own = Client()
    own.force_login(plumber.owner)  # type: ignore[arg-type]
    assert give(own, plumber, picture()).status_code == 200
    assert own.get(f"/people/{plumber.pk}/photo/").status_code == 200
    for other in (admin, ben):
        assert other.get(f"/people/{plumber.pk}/photo/").status_code == 404
        assert other.post(f"/people/{plumber.pk}/photo/").status_code == 404


def test_the_pages_show_photos_or_initials(admin: Client) -> None:
    anna = add("Anna Alpha", extension="101")
    add("李小雷", extension="102")
    give(admin, anna, picture())
    anna.refresh_from_db()
    for path in ("/people/", "/people/directory/", "/people/find/?q=10"):
        html = admin.get(path).content.decode()
        assert f'src="/people/{anna.pk}/photo/?{anna.photo}"' in html
        assert re.search(r'class="avatar-small avatar-\d" aria-hidden="true">小雷</span>', html)


def test_a_tile_is_drawn_anew_for_another_photo(admin: Client) -> None:
    anna = add("Anna", extension="101")
    before = tiles_of(on_the_wall())[0].seen
    give(admin, anna, picture())
    assert tiles_of(on_the_wall())[0].seen != before


def test_saving_the_form_leaves_the_photo(admin: Client) -> None:
    anna = add("Anna")
    give(admin, anna, picture())
    admin.post(f"/people/{anna.pk}/", {"name": "Anna", "department": "Sales"})
    assert admin.get(f"/people/{anna.pk}/photo/").status_code == 200


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Anna Alpha", "AA"), ("anna", "A"), ("Zoë van der Müller", "ZM"), ("李雷", "李雷"), ("欧阳小雷", "小雷"),
        ("Élodie Ça", "ÉÇ"), ("=1+1", "11"), ("***", "*"),
    ],
)  # fmt: skip
def test_initials_are_those_of_the_first_and_the_last_word(name: str, initials: str) -> None:
    assert avatar_of(name).initials == initials


def test_a_name_has_one_colour_and_white_is_read_on_each() -> None:
    assert avatar_of("Anna") == avatar_of("Anna")
    colours = re.findall(r"^\.avatar-(\d) \{ background: #(\w{6}); \}", STYLES.read_text(), re.MULTILINE)
    assert [int(number) for number, _colour in colours] == list(range(COLOURS))
    assert {avatar_of(f"Anna {number}").colour for number in range(100)} == set(range(COLOURS))
    for _number, colour in colours:
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
