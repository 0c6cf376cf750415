"""HL7 v2 over MLLP for adapters that speak it: what is the same whatever travels in it.

``service`` asks one thing at a time; below it, ``link`` is a pool of connections and ``framing`` the blocks. How the
messages are written and read is `canonical.hl7`'s, and which answer means what is each system's own.
"""
