"""`python -m fleet_tools` is the `fleet` command."""

from fleet_tools.cli import main

main()
