"""`python -m attribase`: the command line where its script is not on the path."""

from attribase.cli import main

if __name__ == "__main__":
    main()
