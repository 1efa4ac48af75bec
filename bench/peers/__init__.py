"""The peers: each module is a program, `python -m bench.peers.NAME OUT FILE...`, in its own environment.

All of them do the same job, aggregate 2a of the benchmark: the sum of adRevenue for each first 8 characters
of sourceIP, written as CSV without a header. None imports anything of MARLA's.
"""
