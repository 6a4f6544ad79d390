"""`hepareg train`: train a network from settings."""

import argparse

from hepareg.cli.transform_options import add_geometry_option

SUMMARY = "train a registration network without labels, on files or simulated pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("settings", metavar="SETTINGS", help="YAML file, or a preset: published, one_gpu, small")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="settings to change, such as run.epochs=10")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="folder of the run")
    add_geometry_option(parser)
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in DIR")
    parser.add_argument("--show", action="store_true", help="print all settings as YAML and stop")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg._optional import require

    for module in ("pydantic", "yaml", "lightning.pytorch", "monai"):
        require(module, extra="train")
    overrides = list(arguments.overrides)
    if arguments.geometry is not None:
        overrides.append(f"data.geometry={arguments.geometry}")
    if arguments.show:
        from hepareg.training.settings_file import load_settings, settings_yaml

        print(settings_yaml(load_settings(arguments.settings, overrides)), end="")
        return 0
    from hepareg.workflows.train import train

    outcome = train(arguments.settings, overrides, out=arguments.out, resume=arguments.resume)
    validation = outcome.metrics["validation"]
    print(
        f"{outcome.metrics['epochs']} epochs in {outcome.metrics['minutes']} min; weights of epoch "
        f"{outcome.metrics['best_epoch']}: validation loss {validation['val_loss']:.4g}"
    )
    if "val_tre_mm" in validation:
        print(
            f"median liver TRE of the validation pairs: {validation['val_tre_mm']:.2f} mm "
            f"(before: {validation['val_start_tre_mm']:.2f} mm)"
        )
    return 0
