"""How the link to a PBX shows on every page: the banner, and the switch that disables what cannot work now."""

from collections.abc import Iterable

from engine.live.fragments import Row, common_rows, draw, renders

from .models import PBX, dom_id


def link_row(pbx: PBX) -> Row:
    return Row(dom_id("pbx", pbx.name, "link"), "pbx", draw("components/_link.html", {"pbx": pbx}))


@renders("pbx")
def link_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    return [link_row(found) for found in PBX.objects.filter(pk=pbx)]


common_rows.append(lambda: map(link_row, PBX.objects.all()))
