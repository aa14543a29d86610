"""The photo of a person: what somebody gives is drawn anew, so that nothing else of their file is kept."""

import base64
import hashlib
import io

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


def drawn(content: bytes) -> bytes:
    """A square JPEG of the middle of a picture: RGB, and nothing beside its pixels. Raises `NoPicture`."""
    if len(content) > BYTES:
        raise NoPicture(limits.body_complaint())
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _refuse_if_huge(image)
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


def _too_many_pixels() -> str:
    return _("The picture has too many pixels: at most %(most)s million are taken. Make it smaller first.") % {
        "most": PIXELS // 1_000_000
    }


def _refuse_if_huge(image: Image.Image) -> None:
    if image.width * image.height > PIXELS:
        raise NoPicture(_too_many_pixels())


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
    PersonPhoto.objects.update_or_create(person=person, defaults={"image": image, "by_hand": by_hand})
    person.photo = digest_of(image)
    person.save(update_fields=["photo"])


def of(person: Person) -> bytes:
    """The photo of a person; empty where there is none. Queries the database."""
    return bytes(PersonPhoto.objects.filter(person=person).values_list("image", flat=True).first() or b"")


def as_text(image: bytes) -> str:
    """For JSON."""
    return base64.b64encode(image).decode()


def from_text(text: str) -> bytes:
    """The opposite of `as_text`."""
    return base64.b64decode(text)
