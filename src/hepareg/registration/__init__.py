"""Registration of one pair in memory: start, refinement and verdict joined; no files."""

from hepareg.registration.method import Method
from hepareg.registration.register import register
from hepareg.registration.result import Decision, RegistrationResult, Verdict
from hepareg.registration.settings import RegisterSettings

__all__ = ["Decision", "Method", "RegisterSettings", "RegistrationResult", "Verdict", "register"]
