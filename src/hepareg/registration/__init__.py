"""Registration of one pair in memory: start, refinement and verdict joined; no files."""

from hepareg.registration.register import register
from hepareg.registration.result import Decision, RegistrationResult, Verdict
from hepareg.registration.settings import RegisterSettings

__all__ = ["Decision", "RegisterSettings", "RegistrationResult", "Verdict", "register"]
