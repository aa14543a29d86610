"""The dial rules: patterns as Asterisk's dialplan has them, and what a policy allows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import policy
from accounts.policy import Call, Malformed, Part, Policy, refused_part
from tests.lab.asterisk import Asterisk

# Patterns, each with numbers that it means and numbers that it does not.
TABLE = {
    "101": ("101", "10 1010 102 0101"),
    "_101": ("101", "10 1010 102"),
    "_X": ("0 5 9", "00 * # +"),
    "_Z": ("1 9", "0 * 11"),
    "_N": ("2 9", "0 1 22"),
    "_NXX": ("200 999", "199 099 20 2000 2*0"),
    "_nxz": ("201 999", "200 101"),
    "_[135]": ("1 3 5", "2 4 13"),
    "_[1-5]X": ("10 59", "60 00 1"),
    "_[13-57*#]0": ("10 30 40 50 70 *0 #0", "20 60 80 +0"),
    "_[1-1]": ("1", "0 2"),
    "_9.": ("90 9* 9# 9+ 9123456789", "9 8 89"),
    "_9!": ("9 90 9*#", "8 89"),
    "_.": ("0 * # + 123", ""),
    "_X.": ("00 0* 99999", "0 *0 +1"),
    "_+.": ("+4 +49301234567", "+ 49 00"),
    "_+49!": ("+49 +490", "+4 49"),
    "_00[1-9].": ("0049 001234", "001 0001 009"),
    "_0-800-N": ("08002 08009", "08001 0800 080022"),
    "_*XX*.": ("*21*1 *99*00", "*21* *2*1 21*1"),
    "_#31#.": ("#31#1", "#31# #311"),
    "_XXX!": ("123 1234 123*", "12 12*"),
    "_0900!": ("0900 0900123", "090 1900"),
    "_ZX[02468]#": ("100# 998#", "101# 000# 100"),
    "*8": ("*8", "8 *88"),
}
CASES = [(pattern, number, True) for pattern, (yes, _) in TABLE.items() for number in yes.split()]
CASES += [(pattern, number, False) for pattern, (_, no) in TABLE.items() for number in no.split()]


@pytest.mark.parametrize(("pattern", "number", "meant"), CASES)
def test_a_pattern_means_these_numbers_and_no_others(pattern: str, number: str, meant: bool) -> None:
    assert policy.matches(pattern, number) is meant


@pytest.mark.parametrize("pattern", [pattern for pattern in TABLE if pattern.startswith("_")])
def test_the_underscore_may_be_left_out(pattern: str) -> None:
    for number in " ".join(TABLE[pattern]).split():
        assert policy.matches(pattern[1:], number) is policy.matches(pattern, number)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "needs a digit"),
        ("_", "needs a digit"),
        ("_-", "needs a digit"),
        ("_.1", "nothing can follow"),
        ("_9!!", "nothing can follow"),
        ("_9.-", "nothing can follow"),
        ("_[12", "no “]”"),
        ("_[]", "Between “[” and “]”"),
        ("_[a-c]", "Between “[” and “]”"),
        ("_[1-]", "Between “[” and “]”"),
        ("_[^1]", "Between “[” and “]”"),
        ("_[1[2]", "Between “[” and “]”"),
        ("_[5-1]", "runs backwards"),
        ("_[0-92-1]", "runs backwards"),
        ("_1]", "“]” is not allowed"),
        ("__1", "“_” is not allowed"),
        ("_ABC", "“A” is not allowed"),
        ("_1 2", "“ ” is not allowed"),
        ("_1/2", "“/” is not allowed"),
        ("_1\\", "“\\” is not allowed"),
        ("_1|2", "“|” is not allowed"),
        ("_(1)", "“(” is not allowed"),
        ("_1?", "“?” is not allowed"),
        ("_\u0661", "is not allowed in a number"),
    ],
)
def test_what_is_no_pattern_is_told_why(pattern: str, why: str) -> None:
    with pytest.raises(Malformed) as refused:
        policy.check_number_pattern(pattern)
    assert why in str(refused.value.args[0])


# Any pattern at all.

DIGITS = "0123456789"
ELEMENTS = {
    **{literal: literal for literal in DIGITS + "*#+"},
    "X": DIGITS, "Z": DIGITS[1:], "N": DIGITS[2:], "x": DIGITS, "[1-5]": "12345", "[0*#]": "0*#", "[37-9]": "3789",
    "-": "",
}  # fmt: skip
NUMBERS = st.text(DIGITS + "*#+", max_size=8)


@st.composite
def patterns(draw: st.DrawFn) -> tuple[list[str], str]:
    """A pattern as its elements, and “.”, “!” or nothing at its end."""
    elements = draw(st.lists(st.sampled_from(sorted(ELEMENTS)), min_size=1, max_size=6))
    end = draw(st.sampled_from(["", ".", "!"]))
    return (elements if end or set(elements) != {"-"} else ["X"]), end


def means(elements: list[str], end: str, number: str) -> bool:
    """The same by reading the definition: element by element."""
    for element in elements:
        if element == "-":
            continue
        if not number or number[0] not in ELEMENTS[element]:
            return False
        number = number[1:]
    return {"": not number, ".": bool(number), "!": True}[end]


@given(patterns(), NUMBERS)
def test_any_pattern_means_what_its_definition_says(pattern: tuple[list[str], str], number: str) -> None:
    elements, end = pattern
    for text in ("".join(elements) + end, "_" + "".join(elements) + end):
        if text.strip("_-"):
            assert policy.matches(text, number) is means(elements, end, number)


@given(patterns(), st.data())
def test_a_number_made_after_a_pattern_is_meant_by_it(pattern: tuple[list[str], str], data: st.DataObject) -> None:
    elements, end = pattern
    number = "".join(data.draw(st.sampled_from(ELEMENTS[element])) for element in elements if element != "-")
    number += data.draw(NUMBERS.filter(lambda rest: rest != "" or end != ".")) if end else ""
    assert policy.matches("_" + "".join(elements) + end, number)


@given(st.text(max_size=12), NUMBERS)
def test_any_text_is_a_pattern_or_refused_in_a_sentence(text: str, number: str) -> None:
    try:
        meant = policy.matches(text, number)
    except Malformed as refused:
        said = str(refused.args[0])
        with pytest.raises(Malformed, match=re.escape(said)):
            policy.check_number_pattern(text)
    else:
        policy.check_number_pattern(text)
        assert meant in (True, False)


@given(st.text(DIGITS + "*#+", min_size=1, max_size=12), NUMBERS)
def test_a_number_means_itself_alone(pattern: str, number: str) -> None:
    assert policy.matches(pattern, pattern)
    assert policy.matches(pattern, number) is (pattern == number)


def test_a_real_asterisk_understands_each_pattern_the_same(asterisk22: Asterisk) -> None:
    """Each pattern in a context of its own; Asterisk is asked whether the number exists there."""
    contexts = {pattern: f"pattern-{number}" for number, pattern in enumerate(TABLE)}
    for pattern, context in contexts.items():
        said = asterisk22.cli(f"dialplan add extension {pattern},1,NoOp, into {context}")
        assert "added" in said, said
    everything = sorted({number for _, number, _ in CASES})
    try:
        with asterisk22.ami() as ami:
            for pattern, context in contexts.items():
                for number in everything:
                    found = ami.action("Getvar", Variable=f"DIALPLAN_EXISTS({context},{number},1)")["Value"]
                    assert found in ("0", "1"), found
                    assert policy.matches(pattern, number) is (found == "1"), (pattern, number)
    finally:
        for context in contexts.values():
            asterisk22.cli(f"dialplan remove context {context}")


# Names.


@pytest.mark.parametrize(
    ("pattern", "name", "meant"),
    [
        ("PJSIP/101", "PJSIP/101", True),
        ("PJSIP/101", "PJSIP/1011", False),
        ("PJSIP/*", "PJSIP/a.b_c-d+1", True),
        ("PJSIP/1??", "PJSIP/199", True),
        ("PJSIP/1??", "PJSIP/19", False),
        ("PJSIP/1.1", "PJSIP/111", False),
        ("PJSIP/*", "Local/0900@trunk", False),
        ("PJSIP/*", "PJSIP/0900123@trunk", False),
        ("PJSIP/*", "PJSIP/trunk/sip:0900123", False),
        ("PJSIP/*", "PJSIP/sip:0900123", False),
        ("PJSIP/*@phones", "PJSIP/101@phones", True),
        ("PJSIP/*@phones", "PJSIP/0900@trunk@phones", False),
        ("PJSIP/*", "pjsip/101", False),
        ("PJSIP/*", "PJSIP/101\n", False),
        ("*", "from-internal", True),
        ("from-*", "from-internal", True),
        ("from-*", "internal", False),
    ],
)
def test_a_wildcard_stands_for_no_further_number_to_dial(pattern: str, name: str, meant: bool) -> None:
    assert policy.names(pattern, name) is meant


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*/101",
        "?JSIP/1",
        "PJSIP",
        "PJSIP/",
        "PJSIP/1/2",
        "PJSIP/1 2",
        "PJSIP/[1]",
        "PJSIP/*@trunk",
        "Local/*",
        "PJSIP/a:b",
    ],
)
def test_what_names_no_phone_is_refused(pattern: str) -> None:
    with pytest.raises(Malformed):
        policy.check_phone_pattern(pattern)


@pytest.mark.parametrize("pattern", ["from internal", "a,b", "a@b", "[a]", "a/b"])
def test_what_names_no_context_is_refused(pattern: str) -> None:
    with pytest.raises(Malformed):
        policy.check_context_pattern(pattern)


@given(st.text(), st.text())
def test_a_wildcard_is_never_an_error(pattern: str, name: str) -> None:
    assert policy.names(pattern, name) in (True, False)


def test_one_pattern_on_each_line_and_notes_after_a_semicolon() -> None:
    text = "  _9. ; outside\r\n\n; nothing\n101\t\n"
    assert policy.lines(text) == ("_9.", "101")


# Policies.

INSIDE = Policy(allowed=["XXX"], phones=["PJSIP/*"], contexts=["*"], caller_ids=["XXX"])
WORLD = Policy(allowed=["."], refused=["00."], phones=["PJSIP/1??"], contexts=["from-*"], caller_ids=["1XX"])
CALL = {"phone": "PJSIP/101", "context": "from-internal", "caller_id": "101"}


@pytest.mark.parametrize(
    ("policies", "call", "refused"),
    [
        ([], Call(**CALL, number="102"), Part.PHONE),
        ([], Call(number="102"), Part.NUMBER),
        ([], Call(), None),
        ([INSIDE], Call(**CALL, number="102"), None),
        ([INSIDE], Call(**CALL, number="0900123"), Part.NUMBER),
        ([INSIDE], Call(**{**CALL, "phone": "Local/0900123@trunk"}, number="102"), Part.PHONE),
        ([INSIDE], Call(**{**CALL, "caller_id": "030123"}, number="102"), Part.CALLER_ID),
        ([INSIDE], Call(phone="PJSIP/101", context="internal", number="102"), None),
        ([WORLD], Call(**CALL, number="0301234"), None),
        ([WORLD], Call(**{**CALL, "context": "internal"}, number="0301234"), Part.CONTEXT),
        # One of two groups is enough …
        ([INSIDE, WORLD], Call(**CALL, number="0301234"), None),
        ([WORLD, INSIDE], Call(**CALL, number="0301234"), None),
        # … if it allows all of the call: not the number of one from the phone of the other.
        ([INSIDE, WORLD], Call(**{**CALL, "phone": "PJSIP/201"}, number="0301234"), Part.NUMBER),
        ([INSIDE, WORLD], Call(**{**CALL, "phone": "PJSIP/201"}, number="102"), None),
        # What one group refuses no other allows.
        ([WORLD], Call(**CALL, number="001234"), Part.NUMBER),
        ([INSIDE, Policy(refused=["1XX"])], Call(**CALL, number="102"), Part.NUMBER),
        ([INSIDE, Policy(refused=["1XX"])], Call(**CALL, number="202"), None),
    ],
)
def test_what_of_a_call_is_refused(policies: list[Policy], call: Call, refused: Part | None) -> None:
    assert refused_part(policies, call) is refused


RULES = st.lists(st.sampled_from(["XXX", "0.", "1XX", ".", "00."]), max_size=2)
POLICIES = st.lists(
    st.builds(Policy, allowed=RULES, refused=RULES, phones=st.just(["PJSIP/*"]), contexts=st.just(["*"])), max_size=3
)


@given(POLICIES, NUMBERS.filter(bool))
def test_a_refused_number_is_refused_whatever_is_added(policies: list[Policy], number: str) -> None:
    call = Call(phone="PJSIP/101", context="internal", number=number)
    with_all = [*policies, Policy(allowed=["."], phones=["PJSIP/*"], contexts=["*"])]
    is_refused = any(policy.matches(pattern, number) for each in policies for pattern in each.refused)
    assert (refused_part(with_all, call) is Part.NUMBER) is is_refused
    if refused_part(policies, call) is None:
        assert refused_part(with_all, call) is None
