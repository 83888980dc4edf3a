"""`python -m swaveval`: the command, where its script is not on the path."""

from swaveval.cli.app import main

if __name__ == "__main__":  # worker processes that are spawned import this again
    main()
