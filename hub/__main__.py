"""``python -m hub``: the hub's own commands, as `silta` calls them."""

from hub.cli import main

main()
