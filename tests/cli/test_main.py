import pytest

from hepareg.cli.main import COMMANDS, main


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
