"""The hub: one FHIR R4 API in front, adapters behind the port, a journal for every write, a projection for reads."""
