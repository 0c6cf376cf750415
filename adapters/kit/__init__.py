"""The adapter kit: what `silta adapter` makes, checks and examines. See `adapters/ADDING_A_SYSTEM.md`."""
