"""The synthetic population: people who do not exist, the same for the same seed on any machine."""
