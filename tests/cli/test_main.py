import os
import subprocess
import sys

import pytest

from hepareg.cli.main import COMMANDS, main
from hepareg.errors import MaskError


@pytest.mark.parametrize("words", [["register", "only_one.nii.gz"], ["no_such_command"], ["compare", "--unknown"]])
def test_wrong_arguments_are_one_line(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "--help" in printed.err


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, "None 20000"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"GOMP_SPINCOUNT": "7"}, "None 7"),
    ],
)
def test_threads_spin_briefly_unless_the_user_wants_otherwise(given, used):
    """OpenMP reads it once, when torch is imported: it has to be set before the command does anything."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    code = f"import os, hepareg.cli.main as m; m.main = lambda: print(*map(os.environ.get, {names})) or 7; "
    code += "m.run_and_end()"
    environment = {key: value for key, value in os.environ.items() if key not in names} | given
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (7, used, "")


@pytest.mark.skipif(os.name != "posix", reason="shells of other systems close streams otherwise")
@pytest.mark.parametrize(("stdout", "result", "status"), [(">&-", 3, 3), ("> /dev/full", 3, 3), ("> /dev/full", 0, 1)])
def test_an_output_that_nobody_can_read_is_no_crash(stdout, result, status):
    """A closed stream changes nothing, a full disk makes a success a failure; neither ends in a traceback."""
    code = f"import hepareg.cli.main as m; m.main = lambda: print('result') or {result}; m.run_and_end()"
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    line = f'"{sys.executable}" -c "{code}" {stdout}'
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=buffered)
    assert done.returncode == status
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        (("mask_label",), " (--mask-label)"),
        (("mask_label", "convention"), " (--mask-label, --convention)"),
        (("no_option_of_this_command",), ""),
        ((), ""),
    ],
)
def test_an_error_names_the_flags_that_the_command_has(options, flags, monkeypatch, capsys):
    def fail(arguments):
        raise MaskError("expected one label, got two: choose one", options=options)

    monkeypatch.setattr("hepareg.cli.compare.run", fail)
    assert main(["compare", "a.txt", "b.txt", "--mask", "m.nii.gz"]) == 2
    assert capsys.readouterr().err == f"hepareg: error: expected one label, got two: choose one{flags}\n"


def test_a_reader_that_ends_early_is_no_error(tmp_path):
    """As in ``hepareg info PATH | head``: the output is longer than the pipe holds, and nobody reads its rest."""
    script = (
        "import sys, hepareg.cli.info as info\n"
        "from hepareg.cli.main import run_and_end\n"
        "info.run = lambda arguments: print('line\\n' * 100_000) or 0\n"
        "sys.argv = ['hepareg', 'info', 'x']\n"
        "run_and_end()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
