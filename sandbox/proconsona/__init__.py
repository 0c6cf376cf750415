"""ProConsona, social care: REST with XML, signed requests, an Atom feed of changes. The manual is INTERFACE.md."""
