"""What the hub does for a portal, one module each. They know the store, the journal and the port; not HTTP, not SQL."""
