"""Wire format to canonical and back, one folder per system: pure functions and tables."""
