"""The record system Lifecare MR2020 as its clients see it: FHIR R4 over REST. Its manual is INTERFACE.md.

Everything here is the project's own assumption: no interface specification of the real product is public.
"""
