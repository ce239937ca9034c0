"""Training recipes, one a file, made of shared parts.

A recipe turns the numbers of a `train` block into an optimizer, a learning rate for each step and a
batch rule; every number that a specification leaves out defaults to the one in the recipe's paper,
and says so. Loops, checkpoints and attention masks belong to the rooms above.

    recipe    what all recipes have in common: length, batch, loss, the sources of their numbers
    flan      Wei et al. 2022
    lima      Zhou et al. 2023
    sft       plain supervised fine-tuning
    plain     AdamW at a constant rate
    parts/    what they are made of, for any loop
"""
