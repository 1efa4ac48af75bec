"""Workers that do nothing, deployed in place of the real ones: what is left is the orchestration."""
