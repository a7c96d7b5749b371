"""Options that are declared once."""

from dataclasses import dataclass

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.options import (
    check_options,
    declarations,
    flag,
    make_options,
    misspelt,
    number,
    option,
)

QUOTE = "quote words that YAML takes for true or false, such as 'on' and 'no'"
LIST = 'a list is typed "[one, two]"'


@dataclass(frozen=True)
class Kitchen:
    hobs: int = option(4, "Hobs", 1, 6)
    power: float = option(2.0, "Kilowatts of each", 0.0, 3.5)
    fuel: str = option("gas", "What it burns", choices=("gas", "wood"))
    pots: tuple[str, ...] = option((), "What stands on it")

    def __post_init__(self):
        check_options(self)


def test_a_declaration_holds_what_was_said():
    hobs, _, fuel, pots = declarations(Kitchen)
    assert (hobs.name, hobs.kind, hobs.type_name) == ("hobs", int, "integer")
    assert hobs.expectation == "expected integer from 1 to 6"
    assert fuel.expectation == "expected one of ['gas', 'wood']"
    assert pots.expectation == "expected string_array"


@pytest.mark.parametrize(
    "wrong",
    [{"hobs": 0}, {"hobs": 7}, {"hobs": True}, {"power": float("nan")}, {"fuel": "peat"},
     {"pots": ("a", 1)}, {"pots": "pan"}],
)  # fmt: skip
def test_wrong_values_are_named(wrong):
    (name,) = wrong
    with pytest.raises(OptionsError, match=f"^{name} is .*; expected"):
        Kitchen(**wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"pots": ["pan"]}, "['pan']; expected string_array, which is a tuple in Python"),
        ({"pots": (True, False)}, f"(True, False); expected string_array; {QUOTE}"),
        ({"pots": True}, f"True; expected string_array; {QUOTE}"),
        ({"pots": (1, 2)}, "(1, 2); expected string_array"),
        ({"pots": "pan"}, f"'pan'; expected string_array; {LIST}"),
        ({"hobs": True}, "True; expected integer from 1 to 6"),
    ],
)
def test_what_looks_like_strings_is_told_how_to_become_them(wrong, told):
    ((name, _),) = wrong.items()
    with pytest.raises(OptionsError) as refused:
        Kitchen(**wrong)
    assert str(refused.value) == f"{name} is {told}"


def test_values_of_files_become_those_of_the_options():
    assert make_options(Kitchen, {"power": 3, "pots": ["pan"]}) == Kitchen(power=3.0, pots=("pan",))
    assert make_options(Kitchen, {"pots": None}).pots == ()


@pytest.mark.parametrize(("typed", "name"), [(0, "0"), (2.5, "2.5"), ("gas", "gas"), (True, True)])
def test_a_number_where_a_name_is_wanted_is_its_text(typed, name):
    assert declarations(Kitchen)[2].meant(typed) == name


@pytest.mark.parametrize(("typed", "names"), [("pan", ["pan"]), (["pan"], ["pan"]), (7, 7)])
def test_a_name_where_names_are_wanted_is_a_list_of_one(typed, names):
    assert declarations(Kitchen)[3].meant(typed) == names


def test_names_near_a_known_one_are_told():
    known = ["beam_width", "min_confidence"]
    given = ["beam_with", "beam_width", "source", "confidence"]
    assert list(misspelt(given, known)) == [
        "there is no beam_with; did you mean beam_width?",
        "there is no confidence; did you mean min_confidence?",
    ]


def test_typed_flags_and_numbers_are_named_where_they_are_none():
    assert flag("a", "True") and not flag("a", "false") and number("a", "1e-3") == 0.001
    with pytest.raises(OptionsError, match="respawn is 'maybe'; expected true or false"):
        flag("respawn", "maybe")
    for text in ("fast", "nan", "inf", ""):
        with pytest.raises(OptionsError, match=f"rate_hz is '{text}'; expected a number"):
            number("rate_hz", text)


def test_unknown_names_are_refused_with_the_known():
    with pytest.raises(OptionsError, match=r"\['hob'\].*'hobs'"):
        make_options(Kitchen, {"hob": 3})
