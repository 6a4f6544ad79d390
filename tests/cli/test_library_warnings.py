"""Lines of the file libraries while a command runs: they repeat values of headers, names of patients among them."""

import logging
import warnings

import pytest

from hepareg.cli.library_warnings import LOGGERS, quiet_libraries


@pytest.mark.parametrize("name", [*LOGGERS, "pydicom.dataset"])
def test_libraries_are_silent_while_a_command_runs(name, caplog, recwarn):
    with quiet_libraries(debug=False):
        warnings.warn("Doe^Jane", UserWarning, stacklevel=1)
        logging.getLogger(name).error("Doe^Jane")
    assert not recwarn.list
    assert "Jane" not in caplog.text
    logging.getLogger(name).error("afterwards")
    assert "afterwards" in caplog.text


def test_for_debugging_they_show(caplog, recwarn):
    warnings.simplefilter("always")
    with quiet_libraries(debug=True):
        warnings.warn("Doe^Jane", UserWarning, stacklevel=1)
        logging.getLogger("pydicom").error("Doe^Jane")
    assert "Jane" in caplog.text
    assert len(recwarn.list) == 1
