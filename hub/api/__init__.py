"""The hub's HTTP face: FHIR R4 in JSON, the error contract, and the pages behind it.

It knows no record system and no database: it calls the use cases of `hub.usecases.ports` and renders what they answer.
"""
