"""HTTP for adapters that speak it: what is the same whatever travels in it.

``service`` asks one thing at a time, and is all that an ordinary record system needs. Below it, ``connections`` sends
one request and reads one whole reply (``one_use`` gives a write a connection of its own), and ``recording`` says what
is kept of both. Which answer means what is each system's own.
"""
