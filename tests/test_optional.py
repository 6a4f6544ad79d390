"""Packages of optional extras."""

import math

import pytest

from hepareg._optional import require
from hepareg.errors import MissingExtraError


def test_an_installed_module_is_returned():
    assert require("math", extra="any") is math


def test_a_missing_package_names_its_extra():
    with pytest.raises(MissingExtraError, match=r"'no_such_package'.* pip install 'hepareg\[train\]'"):
        require("no_such_package.part", extra="train")
