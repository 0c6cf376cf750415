"""The model in the middle: FHIR R4 resources, commands, notes and the rules of time and person that every side shares.

Pure: no I/O, no clock, no configuration. Imports nothing else of this project.
"""
