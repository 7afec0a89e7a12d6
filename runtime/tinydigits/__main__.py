"""`python -m tinydigits`: the command line."""

from tinydigits.cli.main import run

if __name__ == "__main__":
    run()
