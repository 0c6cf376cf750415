"""The record system Pegasos of the sandbox: HL7 v2.4 over MLLP. Its manual is INTERFACE.md beside this file."""
