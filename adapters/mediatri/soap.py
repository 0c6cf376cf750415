"""Mediatri's contract: its WSDL and its schema, of which `mappings.mediatri` keeps a copy.

zeep makes requests only. Of 500 free times it makes objects in 33 ms, and what a later release may add it cannot give
us; the parser takes 15 ms with the whole mapping.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from adapters.soap.contract import Contract

WSDL: Final = "mediatri.wsdl"
SCHEMA: Final = "mediatri.xsd"


@cache
def contract() -> Contract:
    """The contract, read once."""
    return Contract("mappings.mediatri", wsdl=WSDL, binding="AjanvarausSoap", schema=SCHEMA)
