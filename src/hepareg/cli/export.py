"""`hepareg export`: write trained weights with a model card, and the network for other programs."""

import argparse

SUMMARY = "write trained weights with a model card, and as torch.export and ONNX"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("weights", metavar="WEIGHTS", help="weights.safetensors of a training run")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="new folder for the files")
    parser.add_argument(
        "--formats",
        nargs="+",
        choices=("torch", "onnx"),
        default=["torch", "onnx"],
        help="formats to write beside weights and card (default: both)",
    )
    parser.add_argument("--weights-only", action="store_true", help="write weights and card only")
    parser.add_argument("--overwrite", action="store_true", help="replace an older export in DIR")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.workflows.export import export

    formats = () if arguments.weights_only else tuple(arguments.formats)
    names = export(arguments.weights, out=arguments.out, formats=formats, overwrite=arguments.overwrite)
    print(f"{arguments.out}: {', '.join(names)}")
    return 0
