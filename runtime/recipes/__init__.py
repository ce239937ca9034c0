"""Training recipes, one a file, made of shared parts.

A recipe turns the numbers of a `train` block into an optimizer, a schedule and a batch rule; every
number that a specification leaves out defaults to the one in the recipe's paper. Loops, checkpoints
and attention masks belong to the rooms above.
"""
