"""Hook of mkdocs: one page of the API for every package of ``src/hepareg``, made and listed when the site is built."""

from pathlib import Path

from mkdocs.structure.files import File, Files

PACKAGE = Path(__file__).parents[1] / "src" / "hepareg"
WITHOUT_PAGES = {"cli"}
MODULES = ("api", "arrays", "errors", "pool", "volume")
"""Modules beside the packages with a page of their own."""


def on_config(config):
    """Add the pages to the menu."""
    config.nav.append({"Api": [{name: f"api/{name}.md"} for name in sorted((*packages(), *MODULES))]})
    return config


def on_files(files: Files, config) -> Files:
    """Add the pages to the site."""
    for name, modules in packages().items():
        lines = [f"# {name}", f"::: hepareg.{name}", "    options: {members: []}"]
        for module in modules:
            lines += [
                f"## `hepareg.{name}.{module}`",
                f"::: hepareg.{name}.{module}",
                "    options: {heading_level: 3}",
            ]
        files.append(File.generated(config, f"api/{name}.md", content="\n\n".join(lines).replace("\n\n    ", "\n    ")))
    for name in MODULES:
        files.append(File.generated(config, f"api/{name}.md", content=f"# {name}\n\n::: hepareg.{name}\n"))
    return files


def packages() -> dict[str, list[str]]:
    """Return the public modules of every package."""
    found = {}
    for init in sorted(PACKAGE.glob("*/__init__.py")):
        if init.parent.name not in WITHOUT_PAGES:
            inside = (path.relative_to(init.parent).with_suffix("") for path in init.parent.rglob("*.py"))
            found[init.parent.name] = sorted(".".join(path.parts) for path in inside if not path.stem.startswith("_"))
    return found
