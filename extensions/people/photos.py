"""The photo of a person: what somebody gives is drawn anew, so that nothing else of their file is kept."""

import base64
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from engine import limits

from .models import Person, PersonPhoto

# Its width and height, in pixels.
SIDE = 256
TYPE = "image/jpeg"
# What is read, in bytes and in pixels: the size of a picture is looked at before it is decoded.
BYTES, PIXELS = limits.BODY, 25_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


class NoPicture(ValueError):
    """It cannot be taken; the first argument is a sentence that says what to do."""


@dataclass(slots=True)
class Budget:
    """How many pixels may still be decoded: a small file may say that it holds many."""

    pixels: int = PIXELS

    def spend(self, image: Image.Image) -> None:
        """Raises `NoPicture`."""
        pixels = image.width * image.height
        if pixels > min(self.pixels, PIXELS):
            raise NoPicture(_too_many_pixels())
        self.pixels -= pixels


def drawn(content: bytes, budget: Budget | None = None) -> bytes:
    """A square JPEG of the middle of a picture: RGB, and nothing beside its pixels. Raises `NoPicture`."""
    if len(content) > BYTES:
        raise NoPicture(limits.body_complaint())
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            (budget or Budget()).spend(image)
            # A JPEG is decoded no larger than it needs to be.
            image.draft("RGB", (2 * SIDE, 2 * SIDE))
            return _square(image)
    except Image.DecompressionBombError:
        raise NoPicture(_too_many_pixels()) from None
    except UnidentifiedImageError:
        raise NoPicture(_("This is no picture. Choose a JPEG, PNG, WebP or GIF file.")) from None
    except (OSError, SyntaxError, ValueError) as error:  # what its decoders raise of a file that is damaged
        if isinstance(error, NoPicture):
            raise
        raise NoPicture(_("The picture is damaged. Save it anew, or choose another one.")) from error


def taken(pictures: Iterable[bytes], budget: Budget) -> tuple[str, bytes]:
    """The first of these drawn anew, if there is one; or a sentence that says why it was left out."""
    for content in pictures:
        try:
            return "", content if _is_one_of_ours(content) else drawn(content, budget)
        except NoPicture as reason:
            return _("Without the photo: %(why)s") % {"why": reason}, b""
    return "", b""


def _is_one_of_ours(content: bytes) -> bool:
    """Whether somebody has just this photo, as after an export: drawn once more it would be another one."""
    known = PersonPhoto.objects.filter(person__photo=digest_of(content) or None)
    return any(bytes(image) == content for image in known.values_list("image", flat=True))


def _too_many_pixels() -> str:
    return _("The picture has too many pixels: at most %(most)s million are taken. Make it smaller first.") % {
        "most": PIXELS // 1_000_000
    }


def _square(image: Image.Image) -> bytes:
    fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGBA"), (SIDE, SIDE))
    # What is transparent becomes white. A new image has nothing of the old one's metadata.
    plain = Image.new("RGB", fitted.size, "white")
    plain.paste(fitted, mask=fitted.getchannel("A"))
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


def digest_of(image: bytes) -> str:
    """By which a photo is known again; empty for none."""
    return hashlib.sha256(image).hexdigest()[:16] if image else ""


def keep(person: Person, image: bytes, *, by_hand: bool = False) -> None:
    """Give a person this photo, as `drawn` has made it; empty for none. In a transaction of the caller's."""
    keep_all({person: image}, by_hand=by_hand)


def keep_all(images: Mapping[Person, bytes], *, by_hand: bool = False) -> None:
    """The same for several, in a few statements for all of them."""
    kept = [PersonPhoto(person=person, image=image, by_hand=by_hand) for person, image in images.items()]
    PersonPhoto.objects.bulk_create(
        kept, batch_size=100, update_conflicts=True, unique_fields=["person"], update_fields=["image", "by_hand"]
    )
    for person, image in images.items():
        person.photo = digest_of(image)
    Person.objects.bulk_update(images, ["photo"], batch_size=100)


def of(person: Person) -> bytes:
    """The photo of a person; empty where there is none. Queries the database."""
    return of_all([person]).get(person.pk, b"")


def of_all(people: Iterable[Person]) -> dict[int, bytes]:
    """The photos of those who have one, by key. Queries the database once for each 500 of them."""
    keys, found = [person.pk for person in people], dict[int, bytes]()
    for start in range(0, len(keys), 500):
        some = PersonPhoto.objects.filter(person__in=keys[start : start + 500])
        found.update((key, bytes(image)) for key, image in some.values_list("person", "image") if image)
    return found


def as_text(image: bytes) -> str:
    """For JSON."""
    return base64.b64encode(image).decode()


def from_text(text: str) -> bytes:
    """The opposite of `as_text`."""
    return base64.b64decode(text)
