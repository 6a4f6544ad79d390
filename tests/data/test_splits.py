import pytest

from hepareg.data.splits import check_disjoint, split_by_patient
from hepareg.errors import PairError, SettingsError

PATIENT_OF = {f"case{i}": f"patient{i // 2}" for i in range(20)}


def test_no_patient_is_on_both_sides():
    training, validation = split_by_patient(PATIENT_OF, validation_fraction=0.2, seed=0)
    assert {PATIENT_OF[case] for case in training}.isdisjoint(PATIENT_OF[case] for case in validation)
    assert len(training) == 16
    assert len(validation) == 4


def test_the_split_does_not_depend_on_the_order_of_the_list():
    backwards = dict(reversed(PATIENT_OF.items()))
    one = split_by_patient(PATIENT_OF, validation_fraction=0.2, seed=0)
    other = split_by_patient(backwards, validation_fraction=0.2, seed=0)
    assert [set(part) for part in one] == [set(part) for part in other]


def test_another_seed_holds_out_others():
    splits = {tuple(split_by_patient(PATIENT_OF, validation_fraction=0.2, seed=seed)[1]) for seed in range(6)}
    assert len(splits) > 1


def test_one_patient_cannot_be_split():
    with pytest.raises(SettingsError, match="at least two patients"):
        split_by_patient({"a": "same", "b": "same"}, validation_fraction=0.5, seed=0)


def test_a_patient_in_two_splits_is_an_error_that_names_cases_only():
    with pytest.raises(
        PairError, match=r"cases case0 .training. and case1 .validation. belong to one patient"
    ) as caught:
        check_disjoint({"training": ["case0"], "validation": ["case1"]}, patient_of=PATIENT_OF)
    assert "patient0" not in str(caught.value)
    check_disjoint({"training": ["case0", "case1"], "validation": ["case2"]}, patient_of=PATIENT_OF)
