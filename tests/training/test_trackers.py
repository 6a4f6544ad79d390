"""Nothing that says who trained where on whose images reaches a tracker: plant identifiers, search every byte."""

import getpass
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hepareg.training.fit import fit

pytest.importorskip("wandb")
pytest.importorskip("tensorboard")


def bytes_below(folder):
    """Names, link targets and contents of everything below a folder, compressed parts included as they are."""
    for path in sorted(folder.rglob("*")):
        yield path, str(path.relative_to(folder)).encode()
        if path.is_symlink():
            yield path, os.readlink(path).encode()
        elif path.is_file():
            yield path, path.read_bytes()


def planted_run(settings_with, sources, folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["planted-command", "--planted-argument"])
    monkeypatch.setattr(socket, "gethostname", lambda: "planted-host")
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "planted-user")
    for name in ("GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.setenv(name, "planted@mail")
    repository = folder.parent
    subprocess.run(["git", "init", "-q", repository], check=True)
    subprocess.run(["git", "-C", repository, "remote", "add", "origin", "https://planted-remote/x.git"], check=True)
    monkeypatch.chdir(repository)
    settings = settings_with(
        data={"source": "manifest", "manifest": "/planted-manifest.csv", "cache": "/planted-cache"},
        tracking={"wandb": "offline", "tensorboard": True, "overlays": 2},
        run={"epochs": 1},
    )
    fit(settings, sources=sources, folder=folder)


def test_no_identifier_reaches_a_tracker(settings_with, sources, tmp_path, monkeypatch):
    host, user = socket.gethostname(), getpass.getuser()
    folder = tmp_path / "planted-folder" / "run"
    folder.mkdir(parents=True)
    planted_run(settings_with, sources, folder, monkeypatch)
    assert list((folder / "wandb").glob("offline-run-*/*.wandb")), "no offline run was written"
    assert list((folder / "tensorboard").glob("events*"))
    forbidden = [b"planted", b"case6", b"case7", b"case0", str(Path.home()).encode() + b"/", str(tmp_path).encode()]
    forbidden += [name.encode() for name in (host, f"/{user}/") if len(name) > 3]
    for path, content in bytes_below(folder):
        for word in forbidden:
            assert word not in content, f"{word!r} in {path.relative_to(folder)}"


def test_the_search_would_find_an_identifier(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "debug.log").write_text("planted-host")
    (tmp_path / "link").symlink_to("/planted-target")
    found = [path.name for path, content in bytes_below(tmp_path) if b"planted" in content]
    assert found == ["link", "debug.log"]
