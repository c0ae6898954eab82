"""What counts when the register and providers speak of the same inspections."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placefeed.schema.codelists import judgements, rank
from placefeed.service.register.reconcile import (
    DeclaredOfsted,
    Inspection,
    Reconciled,
    RegisterFacts,
    Restriction,
    reconcile,
)

AS_AT = date(2026, 3, 31)
TODAY = date(2026, 11, 21)
SCCIF = "sccif-2017"


def inspection(code: str | None = "good", on: date = date(2025, 10, 1), **changes: object) -> Inspection:
    grades = {} if code is None else {"overall": code}
    return replace(Inspection(SCCIF, "full", on, None, grades), **changes)  # type: ignore[arg-type]


def registered(*inspections: Inspection, **changes: object) -> RegisterFacts:
    facts = RegisterFacts(
        as_at=AS_AT, provision_type="children-home", registration_status="active", inspections=inspections
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def declared(*inspections: Inspection, source: str = "a", **changes: object) -> DeclaredOfsted:
    return replace(DeclaredOfsted(source, inspections=inspections), **changes)  # type: ignore[arg-type]


def overall(result: Reconciled) -> list[tuple[str, str]]:
    return [(one.code, one.origin) for one in result.effective if one.aspect == "overall"]


def test_nothing_declared_and_on_the_register_is_confirmed() -> None:
    result = reconcile(registered(inspection("good")), [], today=TODAY)

    assert (result.status, result.listable, result.reasons) == ("confirmed", True, ())
    assert overall(result) == [("good", "register")]
    assert result.register_as_at == AS_AT


def test_the_same_grade_declared_is_confirmed() -> None:
    result = reconcile(registered(inspection("good")), [declared(inspection("good"))], today=TODAY)

    assert (result.status, result.declared, result.disputes) == ("confirmed", (), ())


def test_another_grade_of_the_same_inspection_is_disputed_and_the_registers_counts() -> None:
    for mine in ("outstanding", "inadequate"):
        result = reconcile(registered(inspection("good")), [declared(inspection(mine))], today=TODAY)

        assert result.status == "disputed"
        assert overall(result) == [("good", "register")]
        assert [one.code for one in result.judgements] == ["good"]
        assert [(one.code, one.origin) for one in result.declared] == [(mine, "declared")]
        assert [(one.source, one.declared, one.registered) for one in result.disputes] == [("a", mine, "good")]
        assert result.listable


def test_the_same_inspection_is_known_by_its_event_number_or_by_its_days() -> None:
    register = registered(inspection("good", event="10900001"))
    by_number = declared(inspection("inadequate", on=date(2025, 12, 1), event="10900001"))
    last_day = declared(inspection("inadequate", on=date(2025, 10, 3)))

    assert reconcile(register, [by_number], today=TODAY).status == "disputed"
    assert reconcile(register, [last_day], today=TODAY).disputes[0].registered == "good"


@pytest.mark.parametrize(("mine", "counts"), [("inadequate", "inadequate"), ("good", "good"), ("outstanding", "good")])
def test_after_the_as_at_date_the_worse_grade_drives_filters(mine: str, counts: str) -> None:
    result = reconcile(registered(inspection("good")), [declared(inspection(mine, on=date(2026, 5, 1)))], today=TODAY)

    assert result.status == "newer-than-register"
    assert [code for code, _ in overall(result)] == [counts]
    assert [(one.code, one.origin) for one in result.judgements] == [("good", "register"), (mine, "declared")]


def test_once_the_register_has_it_the_newer_grade_counts() -> None:
    new = inspection("outstanding", on=date(2026, 5, 1))
    register = registered(inspection("good"), new, as_at=date(2026, 9, 30))

    result = reconcile(register, [declared(new)], today=TODAY)

    assert (result.status, overall(result)) == ("confirmed", [("outstanding", "register")])


def test_a_report_published_after_the_as_at_date_is_newer_though_the_visit_was_before() -> None:
    late = inspection("inadequate", on=date(2026, 3, 20), published_on=date(2026, 5, 2))

    result = reconcile(registered(inspection("good")), [declared(late)], today=TODAY)

    assert (result.status, overall(result)) == ("newer-than-register", [("inadequate", "declared")])


def test_an_old_inspection_is_not_made_new_by_its_publication() -> None:
    old = inspection("outstanding", on=date(2021, 3, 20), published_on=date(2026, 5, 2))

    result = reconcile(registered(inspection("good")), [declared(old)], today=TODAY)

    assert (result.status, overall(result)) == ("confirmed", [("good", "register")])


def test_an_inspection_that_the_register_should_have_is_disputed_and_counts_only_if_worse() -> None:
    for mine, counts in (("outstanding", "good"), ("inadequate", "inadequate")):
        unknown = declared(inspection(mine, on=date(2026, 2, 1)))

        result = reconcile(registered(inspection("good")), [unknown], today=TODAY)

        assert (result.status, result.disputes[0].registered) == ("disputed", None)
        assert [code for code, _ in overall(result)] == [counts]


def test_earlier_inspections_are_history_and_no_dispute() -> None:
    result = reconcile(
        registered(inspection("good")), [declared(inspection("inadequate", on=date(2019, 5, 1)))], today=TODAY
    )

    assert (result.status, result.declared) == ("confirmed", ())


def test_a_new_home_has_the_grade_that_it_declares_after_the_as_at_date_only() -> None:
    first = reconcile(registered(), [declared(inspection("good", on=date(2026, 6, 1)))], today=TODAY)
    claimed = reconcile(registered(), [declared(inspection("good", on=date(2026, 1, 1)))], today=TODAY)

    assert (first.status, overall(first)) == ("newer-than-register", [("good", "declared")])
    assert (claimed.status, overall(claimed)) == ("disputed", [])


def test_a_visit_never_takes_a_grades_place() -> None:
    visit = inspection("inadequate", on=date(2026, 2, 1), kind="monitoring")
    assurance = inspection(None, on=date(2026, 6, 1), kind="assurance")

    result = reconcile(registered(inspection("good"), visit), [declared(assurance)], today=TODAY)

    assert (result.status, overall(result)) == ("confirmed", [("good", "register")])


def test_an_interim_inspection_stands_beside_the_grade_in_its_own_framework() -> None:
    interim = inspection("declined", on=date(2026, 1, 1), kind="interim", framework="ofsted-interim")

    result = reconcile(registered(inspection("good"), interim), [], today=TODAY)

    assert sorted((one.framework, one.code) for one in result.effective) == [
        ("ofsted-interim", "declined"),
        (SCCIF, "good"),
    ]


def test_grades_of_another_framework_are_never_ranked_against_each_other() -> None:
    new = inspection("consistently-strong", on=date(2026, 6, 1), framework="supported-accommodation-2024")

    result = reconcile(registered(inspection("inadequate")), [declared(new)], today=TODAY)

    assert {code for code, _ in overall(result)} == {"inadequate", "consistently-strong"}


def test_a_list_of_places_does_not_make_inspections_look_known() -> None:
    register = registered(inspection("good"), as_at=date(2026, 9, 30), inspections_as_at=AS_AT)

    result = reconcile(register, [declared(inspection("inadequate", on=date(2026, 6, 1)))], today=TODAY)

    assert result.status == "newer-than-register"


def test_gone_from_a_newer_complete_file_is_never_listed() -> None:
    register = registered(inspection("good"), absent_since=date(2026, 9, 30))

    result = reconcile(register, [declared(inspection("good"))], today=TODAY)

    assert (result.status, result.reasons) == ("not-on-register", ("not-on-register",))
    assert [one.code for one in result.judgements] == ["good"]
    assert "30/09/2026" in result.notes[0]


def test_an_unknown_urn_is_listed_only_once_its_certificate_is_recorded() -> None:
    said = [declared(inspection("good", on=date(2026, 10, 1)), registration_status="active")]
    certified = RegisterFacts(provision_type="children-home", certificate_recorded_on=date(2026, 10, 2))

    before, after = reconcile(RegisterFacts(), said, today=TODAY), reconcile(certified, said, today=TODAY)

    assert (before.status, before.reasons) == ("unverified", ("unverified",))
    assert (after.status, after.reasons) == ("unverified", ())
    assert [one.origin for one in after.judgements] == ["declared"]


def test_a_certificate_counts_until_a_later_complete_file_lacks_the_setting() -> None:
    facts = RegisterFacts(provision_type="children-home", certificate_recorded_on=date(2026, 5, 1))

    assert reconcile(replace(facts, absent_since=AS_AT), [], today=TODAY).listable
    assert reconcile(replace(facts, absent_since=date(2026, 9, 30)), [], today=TODAY).reasons == ("not-on-register",)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("suspended", "suspended"), ("resigned", "closed"), ("cancelled", "closed"), ("closed", "closed")],
)
def test_a_registration_that_is_not_active_stops_listing_whoever_says_so(status: str, reason: str) -> None:
    by_register = reconcile(
        registered(registration_status=status), [declared(registration_status="active")], today=TODAY
    )
    by_provider = reconcile(registered(), [declared(registration_status=status)], today=TODAY)

    assert by_register.reasons == by_provider.reasons == (reason,)
    assert by_register.registration_status == by_provider.registration_status == status


@pytest.mark.parametrize(("kind", "reasons"), [
    ("suspension", ("suspended",)),
    ("accommodation-restriction", ("accommodation-restricted",)),
    ("voluntary-pause", ("accommodation-restricted",)),
    ("a-kind-that-is-new", ("accommodation-restricted",)),
    ("condition", ()),
])  # fmt: skip
def test_a_restriction_in_force_stops_listing_by_its_kind(kind: str, reasons: tuple[str, ...]) -> None:
    result = reconcile(registered(), [declared(restrictions=(Restriction(kind, date(2026, 11, 1)),))], today=TODAY)

    assert result.reasons == reasons
    assert [one.kind for one in result.restrictions] == [kind]


def test_a_restriction_begins_and_ends_by_time_alone() -> None:
    said = [declared(restrictions=(Restriction("suspension", date(2026, 11, 25), date(2026, 11, 30)),))]

    before, during, after = (
        reconcile(registered(), said, today=day) for day in (TODAY, date(2026, 11, 30), date(2026, 12, 1))
    )

    assert (before.listable, before.changes_at) == (True, datetime(2026, 11, 25, tzinfo=UTC))
    assert (during.listable, during.changes_at) == (False, datetime(2026, 12, 1, tzinfo=UTC))
    assert (after.listable, after.changes_at) == (True, None)


def test_the_day_ends_in_england_not_in_greenwich() -> None:
    said = [declared(restrictions=(Restriction("suspension", None, date(2026, 6, 30)),))]

    assert reconcile(registered(), said, today=date(2026, 6, 1)).changes_at == datetime(2026, 6, 30, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["secure-childrens-home", "secure-training-centre", "voluntary-adoption-agency", None])
def test_some_types_are_never_listed(kind: str | None) -> None:
    assert reconcile(registered(provision_type=kind), [], today=TODAY).reasons == ("provision-type-not-listable",)


# --- what must hold for any words of any sources ------------------------------------------------------

CODES = judgements(SCCIF).codes
ASPECTS = ("overall", "helped-and-protected", "leaders-and-managers")
DAYS = st.dates(date(2024, 1, 1), date(2026, 11, 1))


def inspections_of(days: st.SearchStrategy[date]) -> st.SearchStrategy[tuple[Inspection, ...]]:
    grades = st.dictionaries(st.sampled_from(ASPECTS), st.sampled_from(CODES))
    one = st.builds(
        Inspection,
        framework=st.just(SCCIF),
        kind=st.sampled_from(["full", "full", "monitoring", "assurance"]),
        inspected_on=days,
        published_on=st.none(),
        judgements=grades,
        event=st.none() | st.sampled_from(["1", "2", "3"]),
    )
    return st.lists(one, max_size=4).map(tuple)


RESTRICTIONS = st.lists(
    st.builds(
        Restriction,
        st.sampled_from(["suspension", "accommodation-restriction", "condition"]),
        st.none() | DAYS,
        st.none() | st.dates(date(2026, 1, 1), date(2027, 6, 1)),
    ),
    max_size=2,
).map(tuple)
STATUSES = st.sampled_from([None, "active", "suspended", "closed"])


def sources(days: st.SearchStrategy[date] = DAYS) -> st.SearchStrategy[list[DeclaredOfsted]]:
    part = st.builds(DeclaredOfsted, st.sampled_from("abcd"), STATUSES, inspections_of(days), RESTRICTIONS)
    return st.lists(part, max_size=3, unique_by=lambda one: one.source)


FACTS = st.builds(
    RegisterFacts,
    as_at=st.none() | st.just(AS_AT),
    provision_type=st.just("children-home"),
    registration_status=STATUSES,
    inspections=inspections_of(st.dates(date(2024, 1, 1), AS_AT)),
    absent_since=st.none() | st.just(date(2026, 9, 30)),
    certificate_recorded_on=st.none() | st.just(date(2026, 5, 1)),
)
ON_REGISTER = st.builds(registered, inspections=inspections_of(st.dates(date(2024, 1, 1), AS_AT))).map(
    lambda facts: facts
)


def ranks(result: Reconciled) -> dict[tuple[str, str], int]:
    return {(one.framework, one.aspect): rank(one.framework, one.code) or 0 for one in result.effective}


@settings(deadline=None)
@given(ON_REGISTER, sources())
def test_nothing_declared_makes_a_grade_better_than_the_registers(
    register: RegisterFacts, parts: list[DeclaredOfsted]
) -> None:
    alone, together = ranks(reconcile(register, [], today=TODAY)), ranks(reconcile(register, parts, today=TODAY))

    assert all(together[key] >= place for key, place in alone.items())


@settings(deadline=None)
@given(ON_REGISTER, sources(st.dates(date(2024, 1, 1), AS_AT)))
def test_up_to_the_as_at_date_a_declared_grade_is_never_newer(
    register: RegisterFacts, parts: list[DeclaredOfsted]
) -> None:
    alone, together = reconcile(register, [], today=TODAY), reconcile(register, parts, today=TODAY)

    assert together.status in ("confirmed", "disputed")
    assert together.judgements == alone.judgements
    new = ranks(together).keys() - ranks(alone).keys()
    assert all(one.code == "inadequate" for one in together.effective if (one.framework, one.aspect) in new)


@settings(deadline=None)
@given(ON_REGISTER, st.sampled_from(CODES), st.sampled_from(CODES), st.dates(AS_AT + timedelta(1), date(2026, 11, 1)))
def test_the_worse_of_the_registers_and_the_newer_grade_counts(
    register: RegisterFacts, old: str, new: str, day: date
) -> None:
    register = replace(register, inspections=(inspection(old),))

    result = reconcile(register, [declared(inspection(new, on=day))], today=TODAY)

    assert [code for code, _ in overall(result)] == [max(old, new, key=lambda code: rank(SCCIF, code) or 0)]


@settings(deadline=None)
@given(FACTS, sources(), st.sampled_from("wxyz"), st.booleans())
def test_a_suspension_from_any_source_hides(
    register: RegisterFacts, parts: list[DeclaredOfsted], source: str, by_status: bool
) -> None:
    suspended = (
        DeclaredOfsted(source, "suspended")
        if by_status
        else DeclaredOfsted(source, restrictions=(Restriction("suspension"),))
    )

    result = reconcile(register, [*parts, suspended], today=TODAY)

    assert not result.listable
    assert "suspended" in result.reasons


@settings(deadline=None)
@given(FACTS, sources(), st.randoms())
def test_the_order_of_sources_and_inspections_does_not_matter(
    register: RegisterFacts, parts: list[DeclaredOfsted], random: object
) -> None:
    def mixed(inspections: tuple[Inspection, ...]) -> tuple[Inspection, ...]:
        return tuple(random.sample(inspections, len(inspections)))  # type: ignore[attr-defined]

    shuffled = [replace(part, inspections=mixed(part.inspections)) for part in parts]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    other = reconcile(replace(register, inspections=mixed(register.inspections)), shuffled, today=TODAY)

    assert other == reconcile(register, parts, today=TODAY)


@settings(deadline=None)
@given(FACTS, sources(), st.dates(date(2026, 1, 1), date(2027, 12, 1)))
def test_nothing_changes_by_time_alone_before_it_is_said_to(
    register: RegisterFacts, parts: list[DeclaredOfsted], today: date
) -> None:
    now = reconcile(register, parts, today=today)
    until = min(now.changes_on or today + timedelta(60), today + timedelta(60))

    for ahead in range(1, (until - today).days):
        later = reconcile(register, parts, today=today + timedelta(ahead))
        assert replace(later, changes_on=now.changes_on) == now


@settings(deadline=None)
@given(FACTS, sources())
def test_a_reason_is_given_exactly_when_it_is_not_listable(
    register: RegisterFacts, parts: list[DeclaredOfsted]
) -> None:
    result = reconcile(register, parts, today=TODAY)

    assert result.listable == (result.reasons == ())
    assert (result.status == "not-on-register") <= ("not-on-register" in result.reasons)
    assert len({(one.framework, one.aspect) for one in result.effective}) == len(result.effective)
