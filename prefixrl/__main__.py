"""`python -m prefixrl` is the same as `prefixrl`."""

from prefixrl.cli.main import main

if __name__ == "__main__":
    main()
