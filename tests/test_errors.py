"""Errors keep their message and their remedy, whatever builtin they derive from."""

import pickle

import pytest

from hepareg import errors

CLASSES = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", CLASSES)
def test_message_and_options_survive_another_process(kind):
    """A pool of processes pickles the error of a worker."""
    for error in (kind("too small; enlarge it", options=("size",)), kind("too small")):
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), copy.options) == (str(error), error.options)
        assert type(copy) is kind
    assert str(kind("too small; enlarge it", options=("size",))) == "too small; enlarge it"
    assert kind("too small").options == ()


def test_the_tree_in_the_docstring_is_whole():
    assert all(kind.__name__ in errors.__doc__ for kind in CLASSES)
    assert all(issubclass(kind, errors.HeparegError) for kind in CLASSES)
