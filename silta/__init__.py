"""The ``silta`` command: thin, it prepares a state folder, dispatches to the hub's and the sandbox's own processes, and
supervises both in the demo. Nothing imports it."""
