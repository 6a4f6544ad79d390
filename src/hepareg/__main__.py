"""`python -m hepareg` is the command `hepareg`."""

from hepareg.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
