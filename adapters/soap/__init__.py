"""SOAP for adapters that speak it: ``contract`` makes envelopes from a vendor's own WSDL and reads what comes back.

They travel by `adapters.http.service`. Which answer means what is each system's own.
"""
