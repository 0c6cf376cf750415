"""Every write, from acceptance to its final word. Sans-I/O: it touches the world only through `hub.journal.ports`."""
