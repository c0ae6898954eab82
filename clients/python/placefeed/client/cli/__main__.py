"""`python -m placefeed.client.cli`, where the command itself is not on the path."""

from placefeed.client.cli import main

main()
