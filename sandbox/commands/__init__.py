"""The commands of a running sandbox: thin clients of its control interface."""
