"""What the PBX must have, beside privileges, for what people do with calls: applications, music on hold, a parking lot,
and the panel's own dialplan where a reload leaves it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from django.utils.translation import gettext_noop

from calls.control import KEYPAD, LISTENING, PARKING, PICKING_UP
from calls.placed import Purpose
from calls.transfers import HOLDING
from engine.ami import actions
from engine.mirror import dialplan
from engine.mirror.dialplan import CONTEXT, Steps

from .examination import Examination
from .report import Finding, Text, ok, problem, skipped, warning

# The parking lot of a channel that names none, and the class of music that it hears.
_LOT = _CLASS = "default"
# Where the panel's dialplan is looked for: the second, where Asterisk may not show the first, as on a FreePBX.
_FILES = ("extensions.conf", "extensions_custom.conf")


async def applications(examination: Examination) -> Finding:
    """`core show applications`: are those there that the panel has calls run, and the action for keys?"""
    listed = await examination.cli("core show applications")
    if listed is None:
        return skipped(
            Text(
                gettext_noop("The applications of the dialplan cannot be queried: this needs the write class command.")
            )
        )
    known = {line.partition(":")[0].strip() for line in listed}
    missing = {name: title for name, title in _needed_applications().items() if name not in known}
    if not examination.may("PlayDTMF") and not examination.lacks("PlayDTMF"):
        missing["PlayDTMF"] = KEYPAD.title
    if not missing:
        return ok(Text(gettext_noop("Asterisk has the applications that the panel uses.")), missing=[])
    return warning(
        *(
            Text(
                gettext_noop("Does not work: %(feature)s (this Asterisk has no %(application)s)."),
                feature=Text(title),
                application=name,
            )
            for name, title in missing.items()
        ),
        advice=[
            Text(
                gettext_noop(
                    "Load the modules that have them: “core show application NAME” and “module show like app_” on "
                    "Asterisk's console say what is loaded. See autoload, load and noload in modules.conf."
                )
            )
        ],
        missing=sorted(missing),
    )


def _needed_applications() -> dict[str, str]:
    """Application → the feature that lacks without it. Music and parking have a check of their own."""
    steps = [application for steps in dialplan.lasting.values() for application, _data in steps]
    needed = dict.fromkeys(steps, HOLDING.title)
    needed |= {Purpose.PICKUP: PICKING_UP.title, Purpose.TAKEOVER: PICKING_UP.title, Purpose.LISTEN: LISTENING.title}
    needed.pop("MusicOnHold", None)
    return {str(name): title for name, title in needed.items()}


async def music(examination: Examination) -> Finding:
    """`moh show classes`: is there music for whoever is put on hold?"""
    lines = await examination.cli("moh show classes")
    if lines is None:
        return skipped(
            Text(gettext_noop("The classes of music on hold cannot be queried: this needs the write class command."))
        )
    # Without the application the dialplan ends there, and the call with it; without a class it waits in silence.
    lost = Text(gettext_noop("Whoever is put on hold, or waits while somebody is consulted, may be cut off at once."))
    silent = Text(gettext_noop("Whoever is put on hold, or waits while somebody is consulted, hears nothing."))
    if any(line.startswith("No such command") for line in lines):
        return problem(
            Text(gettext_noop("Music on hold is not loaded.")),
            lost,
            advice=[
                Text(
                    gettext_noop(
                        "Have modules.conf load res_musiconhold.so, then “module load res_musiconhold.so” on "
                        "Asterisk's console."
                    )
                )
            ],
            classes=None,
        )
    classes = sorted(line.partition(":")[2].strip() for line in lines if line.startswith("Class:"))
    if _CLASS in classes:
        return ok(
            Text(gettext_noop("There is music on hold: %(classes)s."), classes=", ".join(classes)), classes=classes
        )
    seen = [Text(gettext_noop("There is no class “default” of music on hold.")), silent]
    if classes:
        others = gettext_noop("Only whoever's phone names one of these hears music: %(classes)s.")
        seen.append(Text(others, classes=", ".join(classes)))
    return problem(
        *seen,
        advice=[
            Text(
                gettext_noop(
                    "Put [default] into musiconhold.conf, with mode = files and directory = a folder of sound files "
                    "that Asterisk can read, then “module reload res_musiconhold.so”. A class without such files is "
                    "left out: “moh show classes” lists those that play."
                )
            )
        ],
        classes=classes,
    )


async def parking(examination: Examination) -> Finding:
    """`Parkinglots`, `ParkedCalls`: is there a parking lot, and a space in it?"""
    if examination.lacks("Parkinglots"):
        return skipped(Text(gettext_noop("The parking lots cannot be queried: this needs the write class call.")))
    without = Text(gettext_noop("Does not work: %(feature)s."), feature=Text(PARKING.title))
    if not examination.may("Parkinglots"):
        return warning(
            Text(gettext_noop("Parking is not loaded.")),
            without,
            advice=[
                Text(
                    gettext_noop(
                        "Write a res_parking.conf, have modules.conf load res_parking.so, then “module load "
                        "res_parking.so” on Asterisk's console."
                    )
                )
            ],
            lots=None,
        )
    listed = (await examination.ask_list(actions.parking_lots())).events
    parked = [event.get("Parkinglot") for event in (await examination.ask_list(actions.parked_calls())).events]
    lots = {
        event.get("Name"): _Lot(event.get("StartSpace"), event.get("StopSpace"), parked.count(event.get("Name")))
        for event in listed
    }
    facts = {"lots": {name: asdict(lot) for name, lot in lots.items()}}
    lot = lots.get(_LOT)
    if lot is None:
        return warning(
            Text(gettext_noop("There is no parking lot “default”, in which the panel parks calls.")),
            without,
            advice=[
                Text(
                    gettext_noop(
                        "Put [default] into res_parking.conf, with parkpos = 701-720, then “module reload "
                        "res_parking.so”."
                    )
                )
            ],
            **facts,
        )
    spaces = f"{lot.first}–{lot.last}"
    if lot.free <= 0:
        return warning(
            Text(gettext_noop("Every space of the parking lot is taken (%(spaces)s)."), spaces=spaces),
            Text(gettext_noop("No call can be parked until one of those is retrieved.")),
            advice=[
                Text(
                    gettext_noop(
                        "Retrieve what is parked, on Calls. If that happens often, give [default] in res_parking.conf "
                        "more spaces by parkpos, then “module reload res_parking.so”."
                    )
                )
            ],
            **facts,
        )
    return ok(
        Text(
            gettext_noop("Calls can be parked: %(free)s spaces of %(spaces)s are free."), free=lot.free, spaces=spaces
        ),
        **facts,
    )


@dataclass(frozen=True, slots=True)
class _Lot:
    """A parking lot: its spaces, and how many are taken."""

    first: str
    last: str
    parked: int

    @property
    def free(self) -> int:
        return int(self.last) - int(self.first) + 1 - self.parked


# The panel's dialplan.


async def extensions(examination: Examination) -> Finding:
    """`GetConfig`: are the panel's extensions in a file, so that a reload of the dialplan leaves them?"""
    lines, wanted = dialplan.stanza(dialplan.lasting), _numbered(dialplan.lasting)
    if not examination.may("GetConfig"):
        return skipped(
            Text(
                gettext_noop(
                    "Whether extensions.conf has the panel's extensions cannot be queried: this needs the write class "
                    "system or config."
                )
            ),
            lines=lines,
        )
    refusals = []
    for file in _FILES:
        answer = await examination.ask(actions.get_config(file, CONTEXT))
        if answer.ok:
            found = _steps_in(value for key, value in answer.response.fields.items() if key.startswith("Line-"))
            break
        refusals.append(f"{file}: {answer.text}")
    else:
        return skipped(
            Text(
                gettext_noop("Asterisk does not show where the panel's extensions should be (%(answers)s)."),
                answers="; ".join(refusals),
            ),
            Text(
                gettext_noop(
                    "Check it yourself: without them, whoever is on hold during a “dialplan reload” while the panel is "
                    "away is cut off when the music ends."
                )
            ),
            lines=lines,
        )
    facts = {"file": file, "lacking": sorted(name for name in wanted if found.get(name) != wanted[name])}
    if not facts["lacking"]:
        return ok(Text(gettext_noop("The panel's extensions are in %(file)s."), file=file), **facts)
    lost = Text(
        gettext_noop(
            "The panel writes these extensions when they are needed, and again within a second where a “dialplan "
            "reload” has taken them away. If the panel is away just then, whoever is on hold is cut off when the music "
            "ends."
        )
    )
    if not found:
        seen = Text(gettext_noop("There is no [%(context)s] in %(file)s."), context=CONTEXT, file=file)
    else:
        seen = Text(
            gettext_noop(
                "In [%(context)s] of %(file)s, these are missing or not as this version needs them: %(names)s."
            ),
            context=CONTEXT,
            file=file,
            names=", ".join(facts["lacking"]),
        )
    return warning(
        seen,
        lost,
        advice=[
            Text(
                gettext_noop(
                    "Paste the lines below into extensions.conf (of a FreePBX: extensions_custom.conf), in place of "
                    "an older [%(context)s], then “dialplan reload” while nobody is on hold."
                ),
                context=CONTEXT,
            )
        ],
        lines=lines,
        **facts,
    )


# Extension → priority → what it runs.
_Numbered = dict[str, dict[int, str]]


def _numbered(extensions: Mapping[str, Steps]) -> _Numbered:
    return {
        extension: {number: f"{application}({data})" for number, (application, data) in enumerate(steps, 1)}
        for extension, steps in extensions.items()
    }


def _steps_in(lines: Iterable[str]) -> _Numbered:
    """What `exten = hold,1,Wait(5)` and `same = n,Hangup()` make; lines of other forms are no steps of ours."""
    found: _Numbered = {}
    extension, priority = "", 0
    for line in lines:
        name, _equals, value = line.partition("=")
        if name.strip() == "exten":
            extension, _comma, value = (part.strip() for part in value.partition(","))
        elif name.strip() != "same":
            continue
        wanted, _comma, runs = (part.strip() for part in value.partition(","))
        if wanted == "n":
            priority += 1
        elif wanted.isdecimal():
            priority = int(wanted)
        else:
            continue
        found.setdefault(extension, {})[priority] = runs
    return found
