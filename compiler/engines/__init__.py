"""Who runs the chunk tasks: local processes, or ray.

Every engine runs the same tasks and gives the same content. Nothing else in the compiler knows
which one runs.
"""
