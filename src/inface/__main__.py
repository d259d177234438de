"""`inface` on the command line and `python -m inface`."""


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr and exit code 1."""
    from inface.cli import run

    run()


if __name__ == "__main__":
    main()
