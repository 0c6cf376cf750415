"""The record system Mediatri as its clients see it: SOAP 1.1. Its manual is INTERFACE.md.

Everything here is the project's own assumption: no interface specification of the real product is public.
"""
