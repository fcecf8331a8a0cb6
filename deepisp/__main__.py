"""`python -m deepisp` is `deepisp`."""

from deepisp.cli import main

if __name__ == "__main__":
    main()
