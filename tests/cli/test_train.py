"""Every literal that a setting documents is accepted by the command, as ``hepareg train ... name=value``."""

import types
from dataclasses import fields, is_dataclass
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import yaml
from pydantic import BaseModel

from hepareg.cli.main import main
from hepareg.networks.parts import ENCODERS, RIGID_DECODERS
from hepareg.regularisation import REGULARISERS
from hepareg.similarity import IMAGE_LOSSES, LABEL_LOSSES
from hepareg.training.loss_options import options_of
from hepareg.training.settings import TrainingSettings

COMPANIONS = {
    "data.source=manifest": ["data.manifest=pairs.csv"],
    "data.manifest=null": ["data.source=simulated"],
    "data.manifest=none": ["data.source=simulated"],
    "data.simulated.num_anatomies=null": ["data.pairs_per_epoch=8"],
    "data.simulated.num_anatomies=none": ["data.pairs_per_epoch=8"],
}
"""Settings that another setting needs beside it."""


def literals(kind):
    """Return the texts that stand for the literals of a type, with the values that they stand for."""
    if get_origin(kind) is Annotated:
        return literals(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [found for part in get_args(kind) for found in literals(part)]
    if kind is type(None):
        return [("null", None), ("none", None)]
    if kind is bool:
        return [("true", True), ("false", False)]
    if get_origin(kind) is Literal:
        return [(str(value), value) for value in get_args(kind)]
    return []


def settings_below(kind, prefix=""):
    """Return the (dotted name, type) of every setting below a model or dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    names = kind.model_fields if issubclass(kind, BaseModel) else [field.name for field in fields(kind)]
    found = []
    for name in names:
        below = hints[name]
        if isinstance(below, type) and (is_dataclass(below) or issubclass(below, BaseModel)):
            found += settings_below(below, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", below))
    return found


SETTINGS = dict(settings_below(TrainingSettings))
CASES = [(f"{name}={text}", name, value) for name, kind in SETTINGS.items() for text, value in literals(kind)]
for setting, table in (("network.encoder", ENCODERS), ("network.decoder", RIGID_DECODERS)):
    CASES += [(f"{setting}={name}", setting, name) for name in table]
for family, table in (("similarity", IMAGE_LOSSES), ("labels", LABEL_LOSSES), ("regularisation", REGULARISERS)):
    for part, loss in table.items():
        CASES.append((f"loss.{family}={{{part}: 2}}", f"loss.{family}.{part}.weight", 2.0))
        for option, (kind, _) in options_of(loss).items():
            name = f"loss.{family}.{part}.{option}"
            CASES += [(f"{name}={text}", name, value) for text, value in literals(kind)]


@pytest.mark.parametrize(("override", "name", "expected"), CASES, ids=[case[0] for case in CASES])
def test_every_literal_of_every_setting_is_accepted(capsys, override, name, expected):
    others = ["network.mode=both", *COMPANIONS.get(override, [])]
    assert main(["train", "small", *others, override, "-o", "unused", "--show"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    for key in name.split("."):
        shown = shown[key]
    assert shown == expected
    assert type(shown) is type(expected)


def test_the_literals_that_yaml_reads_as_something_else_are_among_them():
    assert {"tracking.wandb=off", "run.precision=32", "run.precision=64", "run.threads=none"} <= {c[0] for c in CASES}


def test_a_settings_file_takes_the_same_literals(tmp_path, capsys):
    (tmp_path / "settings.yaml").write_text("tracking: {wandb: off}\nrun: {precision: 32, threads: none}\n")
    assert main(["train", str(tmp_path / "settings.yaml"), "-o", "unused", "--show"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["tracking"]["wandb"], shown["run"]["precision"], shown["run"]["threads"]) == ("off", "32", None)


def test_the_geometry_option_is_the_setting_of_the_data(capsys):
    assert main(["train", "small", "-o", "unused", "--geometry", "qform", "--show"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["data"]["geometry"] == "qform"
