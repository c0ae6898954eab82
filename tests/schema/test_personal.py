"""The screen for personal data: what it finds, what it leaves alone, and that it never repeats what it found."""

import copy
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placefeed.schema.files import find
from placefeed.schema.nhs import holds_number, is_number, plain, valid
from placefeed.schema.personal import Hit, screen, screen_bytes, screen_cells, screen_text
from placefeed.schema.validation import validate

NHS = "943 476 5919"  # the number that the NHS gives in examples
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FEEDS = [json.loads(path.read_text()) for path in sorted(find("examples", "valid").glob("feed-*.json"))]


def rules_of(hits: list[Hit]) -> set[str]:
    return {hit.rule for hit in hits}


# --- NHS numbers ------------------------------------------------------------------------------------

FORMS = [
    "9434765919",
    "943 476 5919",
    "943-476-5919",
    "943.476.5919",
    "943_476_5919",
    "943\u00a0476\u00a05919",
    "943\u2009476\u20095919",
    "943\u2013476\u20135919",
    "943\u200b476\u200b5919",
    "９４３４７６５９１９",
    "９４３　４７６　５９１９",
    "٩٤٣٤٧٦٥٩١٩",
    "(943) 476 5919",
    "943476 5919",
    "943 4765919",
    "94 34 76 59 19",
    "9 4 3 4 7 6 5 9 1 9",
    "943  -  476  -  5919",
    "943\n476\n5919",
    "9,434,765,919",
    "943476-5919",
    "NHS9434765919",
    "nhs:9434765919.",
    "ref 12; 943 476 5919 (urgent)",
    "on 2026-11-21 943 476 5919",
    "21/11/2026 - 943 476 5919",
    "+44 161 496 0000 or 943 476 5919",
    "https://example.org/case/9434765919?x=1",
    "9434765919@example.org",
]


@pytest.mark.parametrize("text", FORMS)
def test_an_nhs_number_is_found_however_it_is_written(text: str) -> None:
    assert rules_of(screen({"notes": text})) == {"personal-nhs-number"}
    assert rules_of(screen([text])) == {"personal-nhs-number"}
    assert "personal-nhs-number" in rules_of(screen({text: 1}))
    assert "personal-nhs-number" in rules_of(screen_text(text))
    assert [hit.column for hit in screen_cells(["Home", "Notes"], ["SC000001", text])] == [1]


@pytest.mark.parametrize("value", [9434765919, 9434765919.0, [9434765919], {"deep": [{"er": 9434765919}]}])
def test_an_nhs_number_is_found_as_a_number(value: Any) -> None:
    hits = screen({"places": value})

    assert rules_of(hits) == {"personal-nhs-number"}
    assert hits[0].pointer.startswith("/places")


@pytest.mark.parametrize(
    "text",
    [
        "9434765918",  # a wrong check digit
        "0000000000",
        "2590934",
        "SC000001",
        "SC000001-0001",
        "2590934-001",
        "20261121-07",
        "2026-11-21 18:00",
        "2026-11-21T18:04:00Z",
        "21-11-2026 18",
        "51.50735123",
        "0161 496 0000",
        "07700 900123",
        "+44 7700 900123",
        "+44 (0)161 496 0000",
        "0044 161 496 0000",
        "94347659190",  # eleven digits
        "39434765919",
        "E08000025",
        "GB-COH-00000001",
        "£3,500",
    ],
)
def test_what_only_resembles_an_nhs_number_is_left_alone(text: str) -> None:
    assert screen({"notes": text}) == []


def shuffled_serials() -> Iterator[str]:
    generator = random.Random(7)
    for _ in range(3000):
        yield f"{generator.randrange(1_000_000, 10_000_000)}-{generator.randrange(1, 1000):03}"


def test_serial_numbers_behind_a_urn_are_never_refused() -> None:
    assert not any(holds_number(text) for text in shuffled_serials())


def test_ten_digits_beginning_with_nought_count_outside_telephone_fields() -> None:
    number = next(f"0{tail:09}" for tail in range(101_701_230, 101_701_250) if valid(f"0{tail:09}"))

    assert rules_of(screen({"notes": number})) == {"personal-nhs-number"}
    assert screen({"telephone": number}) == []


@pytest.mark.parametrize(
    "name",
    ["telephone", "Telephone", "phone", "contactPhone", "tel", "Tel.", "Tel no", "fax", "Mobile", "mobileNumber"],
)
def test_telephone_fields_and_headings_may_hold_ten_digits(name: str) -> None:
    assert screen({name: NHS}) == []
    assert screen({name: 9434765919}) == []
    assert screen_cells([name], [9434765919.0]) == []


@pytest.mark.parametrize("name", ["hotel", "notes", "intelligence", "faxes sent to child", "id"])
def test_other_names_that_sound_alike_are_no_telephone_fields(name: str) -> None:
    assert rules_of(screen({name: NHS})) == {"personal-nhs-number"}


def test_a_telephone_field_inside_text_hides_nothing() -> None:
    assert rules_of(screen({"notes": '"telephone":"9434765919"'})) == {"personal-nhs-number"}
    assert rules_of(screen({"telephone": {"notes": NHS}})) == {"personal-nhs-number"}


def test_a_care_quality_commission_number_is_left_alone_under_its_scheme_only() -> None:
    location = "1-9434765919"

    assert screen({"scheme": "cqc", "id": location}) == []
    assert rules_of(screen({"scheme": "ciw", "id": location})) == {"personal-nhs-number"}


@given(st.integers(min_value=0, max_value=9_999_999_999))
def test_the_check_digit_is_modulus_eleven(number: int) -> None:
    digits = f"{number:010}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1], strict=True))

    assert valid(digits) == (total % 11 == 0 and number != 0)
    assert is_number(number) == (number >= 1_000_000_000 and valid(digits))


# --- dates of birth ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["DOB", "dob:", "D.O.B.", "d o b", "d/o/b", "Date of birth", "born", "Birthday:", "birth date"]
)
@pytest.mark.parametrize(
    "day",
    [
        "12/03/2011", "12.03.11", "12-3-2011", "2011-03-12", "12 03 2011", "12th March 2011", "12 of March, 2011",
        "March 12, 2011", "12 Mar 11", "12-MAR-2011", "mar 2011", "03/2011", "20110312", "12032011", "3/25/2011",
        "１２/０３/２０１１", "12\u00a0March\u00a02011",
    ],
)  # fmt: skip
def test_a_date_near_a_word_for_birth_is_found(word: str, day: str) -> None:
    for text in (f"{word} {day}", f"Please see {day} ({word})", f"YP, {word} {day}, needs a place"):
        assert "personal-date-of-birth" in rules_of(screen({"notes": text})), text


@pytest.mark.parametrize(
    "text",
    [
        "Takes children from birth. Free from 21/11/2026.",
        "A reborn home, opened on 21/11/2026 by the board of trustees of Eastbourne and Osborne.",
        "Birthdays are celebrated.",
        "Parents and babies from birth to 2",
        "Free from 21/11/2026 until 2026-12-05",
        "The oldest child is 12",
    ],
)
def test_other_dates_are_left_alone(text: str) -> None:
    assert screen({"notes": text}) == []


@pytest.mark.parametrize(
    "name", ["dob", "DOB", "dateOfBirth", "date_of_birth", "birthDate", "childDob", "yp_dob", "Date of Birth"]
)
@pytest.mark.parametrize("value", ["12/03/2011", "2011-03-12T00:00:00", 40614, 40614.0, "March 2011"])
def test_a_name_that_says_date_of_birth_is_enough(name: str, value: object) -> None:
    assert rules_of(screen({"extensions": {name: value}})) == {"personal-date-of-birth"}
    assert rules_of(screen_cells(["URN", name], ["SC000001", value])) == {"personal-date-of-birth"}


def test_a_label_beside_a_date_is_enough() -> None:
    assert rules_of(screen({"label": "D.O.B", "value": "12/03/2011"})) == {"personal-date-of-birth"}
    assert rules_of(screen_cells([], ["DOB", date(2011, 3, 12)])) == {"personal-date-of-birth"}
    assert rules_of(screen_cells(["DOB"], [datetime(2011, 3, 12, tzinfo=UTC)])) == {"personal-date-of-birth"}


def test_an_empty_column_for_dates_of_birth_is_no_hit() -> None:
    assert screen_cells(["DOB", "Places"], [None, 3]) == []
    assert screen({"dob": None, "places": 3}) == []


# --- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["notes", "detail", "title", "comments", "description"])
def test_a_given_name_in_free_text_is_a_warning(name: str) -> None:
    hits = screen({name: "Would suit Jayden well."})

    assert [(hit.rule, hit.severity) for hit in hits] == [("personal-name", "warning")]


@pytest.mark.parametrize(
    "text", ["A summer placement in May", "Near Charlotte Street", "rose garden", "Will accept", "Grace period"]
)
def test_words_that_are_names_too_are_left_alone(text: str) -> None:
    assert screen({"notes": text}) == []


def test_names_of_organisations_are_no_free_text() -> None:
    assert screen({"provider": {"name": "Charlotte and Jayden Ltd"}}) == []


@pytest.mark.parametrize(
    "heading", ["Child's name", "Young person name", "YP initials", "Resident name", "Child forename"]
)
def test_a_column_for_childrens_names_is_a_warning(heading: str) -> None:
    assert rules_of(screen_cells(["Places", heading], [1, "JS"])) == {"personal-name"}
    assert screen_cells(["Places", heading], [1, ""]) == []


# --- the screen as a whole --------------------------------------------------------------------------


def test_no_valid_example_is_refused() -> None:
    for path in sorted(find("examples", "valid").glob("*.json")):
        assert screen(json.loads(path.read_text())) == [], path.name


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def planted(document: Any, path: tuple[Any, ...], value: object) -> Any:
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


@pytest.mark.parametrize("text", [NHS, 9434765919, "DOB 12/03/2011"])
def test_planted_data_is_found_in_every_field(text: object) -> None:
    for document in FEEDS[:4]:
        for path in leaves(document):
            if path[-1] == "telephone" and text != "DOB 12/03/2011":
                continue
            hits = screen(planted(document, path, text))
            assert hits, path
            assert hits[0].pointer == "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def test_a_hit_never_says_what_was_found() -> None:
    document = {
        "settings": [{"urn": "SC000001", "notes": f"{NHS} DOB 12/03/2011 Jayden", f"born 12/03/2011 {NHS}": {"a": NHS}}]
    }

    said = json.dumps([vars_of(hit) for hit in screen(document)]) + json.dumps(validate(document, now=NOW).to_dict())

    for secret in ("5919", "2011", "Jayden"):
        assert secret not in said


def vars_of(hit: Hit) -> dict[str, Any]:
    issue = hit.to_issue()
    return {
        "rule": hit.rule,
        "pointer": hit.pointer,
        "message": issue.message,
        "advice": issue.advice,
        "place": issue.place.to_dict(),
    }


def test_a_deep_document_is_walked_to_the_end() -> None:
    deep: Any = NHS
    for _ in range(5000):
        deep = [deep]

    assert rules_of(screen(deep)) == {"personal-nhs-number"}


def test_what_the_writer_of_json_refuses_is_walked_all_the_same() -> None:
    assert rules_of(screen({"a": 10**30, "b": "\ud800", "c": NHS})) == {"personal-nhs-number"}


PIECES = st.sampled_from(
    [
        *FORMS,
        "born",
        "DOB",
        "12/03/2011",
        "Jayden",
        "notes",
        "title",
        "-",
        " ",
        "places",
        "telephone",
        "é",
        "d/o/b",
        "\u200b",
        '"',
        "\\",
        "\n",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=5).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers(0, 10**10) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(TEXTS | st.sampled_from(["notes", "dob", "telephone"]), inside, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_the_quick_look_never_misses_what_the_whole_look_finds(value: Any) -> None:
    from placefeed.schema import personal

    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    quick = screen_bytes(raw)
    hits = screen_without_quick_look(personal, value)

    assert quick or not hits
    assert screen(value) == hits
    assert screen_bytes(json.dumps(value).encode()) or not hits


def screen_without_quick_look(module: Any, value: Any) -> list[Hit]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "screen_bytes", lambda raw: True)
        return list(module.screen(value))


@given(st.text())
def test_plain_text_keeps_plain_text(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    if text.isascii():
        assert plain(text) == text
