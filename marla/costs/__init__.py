"""What an execution cost, what it would have cost otherwise, and what to do about it."""
