"""What is made: builds, and the runs that use them.

In: `build`, `train` and `evaluate` blocks. Out: builds with everything they need resolved, and
settings of runs. Nothing is built here.
"""
