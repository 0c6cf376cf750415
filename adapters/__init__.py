"""Protocols: each adapter speaks to one installation of one record system, in canonical terms."""
