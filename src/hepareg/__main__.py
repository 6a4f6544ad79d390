"""`python -m hepareg` is the command `hepareg`."""

from hepareg.cli.main import run_and_end

if __name__ == "__main__":
    run_and_end()
