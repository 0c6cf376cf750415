"""Mediatri's SOAP messages and the canonical model, both ways. Pure: no network, no clock, no configuration.

Source of all of it: Mediatri, appointment interface 1.0, the vendor's manual. A message that is not as that manual says
raises `mappings.mediatri.markup.BadMessage`.
"""
