"""Bars for who watches, and nothing for who does not."""

import sys

from hepareg.cli.progress import count_shown, counted, stages_shown


def as_terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def use_all(*, quiet):
    with stages_shown(("one", "two"), quiet=quiet, num_items=2) as show:
        for stage in ("one", "two", "other", "one", "two"):
            if show is not None:
                show(stage)
    with count_shown(unit="run", quiet=quiet) as show:
        show("case a")
    assert list(counted([1, 2], unit="case", quiet=quiet)) == [1, 2]


def test_a_terminal_sees_every_kind(capsys, monkeypatch):
    as_terminal(monkeypatch)
    use_all(quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    for word in ("one", "two", "other", "1run", "case a", "0/2"):
        assert word in err


def test_quiet_shows_nothing(capsys, monkeypatch):
    as_terminal(monkeypatch)
    use_all(quiet=True)
    assert capsys.readouterr() == ("", "")


def test_no_terminal_shows_nothing(capsys):
    use_all(quiet=False)
    assert capsys.readouterr() == ("", "")


def test_items_and_stages_fill_one_bar(monkeypatch):
    as_terminal(monkeypatch)
    shown = []

    class Bar:
        def __init__(self, total, **_):
            self.n, self.total = 0, total

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *_: None  # noqa: E731
        set_description_str = refresh = lambda self, *_, **__: None

        def update(self, by):
            self.n += by
            shown.append(self.n)

    monkeypatch.setattr("tqdm.tqdm", Bar)
    with stages_shown(("read", "work", "write"), quiet=False, num_items=3) as show:
        for stage in ("read", "work", "write", "work", "write", "write"):
            show(stage)
    assert shown == [0, 1, 2, 4, 5, 8]
