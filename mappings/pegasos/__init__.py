"""Pegasos's HL7 v2.4 messages and the canonical model, both ways. Pure: no network, no clock, no configuration."""
