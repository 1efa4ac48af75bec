"""The soak test: jobs of random shape under random faults, each compared with an oracle."""
