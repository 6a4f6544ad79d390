"""Splits by patient: no patient is in two splits."""

import hashlib
from collections.abc import Mapping, Sequence

from hepareg.errors import PairError, SettingsError

__all__ = ["check_disjoint", "split_by_patient"]


def split_by_patient(
    patient_of: Mapping[str, str], *, validation_fraction: float, seed: int
) -> tuple[list[str], list[str]]:
    """Return the names of the training cases and of the validation cases; all cases of a patient are in one of them.

    Patients are ordered by a hash of seed and name, so that the split depends neither on the order of
    the manifest nor on the machine. The first patients, at least one, are for validation.

    Parameters
    ----------
    patient_of
        Patient of each case, by the name of the case.
    validation_fraction
        Share of the patients for validation.
    seed
        Seed of the order.

    Raises
    ------
    SettingsError
        If there are fewer than two patients.
    """
    patients = sorted(set(patient_of.values()), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    if len(patients) < 2:
        raise SettingsError(
            f"expected pairs of at least two patients, one for validation, got {len(patients)}; "
            "add pairs, or train on simulated ones (data.source=simulated)"
        )
    number = min(max(round(validation_fraction * len(patients)), 1), len(patients) - 1)
    held_out = set(patients[:number])
    training = [case for case, patient in patient_of.items() if patient not in held_out]
    return training, [case for case, patient in patient_of.items() if patient in held_out]


def check_disjoint(splits: Mapping[str, Sequence[str]], *, patient_of: Mapping[str, str]) -> None:
    """Check that no patient has cases in two splits.

    Raises
    ------
    PairError
        If a patient has cases in two splits; the message names the cases, not the patient.
    """
    first_case: dict[str, tuple[str, str]] = {}
    for split, cases in splits.items():
        for case in cases:
            other_split, other_case = first_case.setdefault(patient_of[case], (split, case))
            if other_split != split:
                raise PairError(
                    f"cases {other_case} ({other_split}) and {case} ({split}) belong to one patient: "
                    "expected every patient in one split only; change the manifest's split column"
                )
