"""HTTP for adapters that speak it: what is the same whatever travels in it.

``connections`` sends one request and reads one whole reply (``one_use`` gives a write a connection of its own);
``recording`` keeps both; ``trip`` is the deadline that the requests of one call share. Which answer means what is each
system's own.
"""
