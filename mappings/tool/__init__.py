"""``silta map``: looks at mappings for those who write them. No mapping needs it."""
