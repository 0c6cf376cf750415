"""The engine of a small, honest record system. Faces and the desk call `system.RecordSystem` only."""
