"""The mapping engine: rules in files, compiled to closures. The format: ``mappings/ENGINE.md``."""
