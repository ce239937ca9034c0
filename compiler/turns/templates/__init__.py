"""Templates as functions of a row: prompts, the options that they show, dialogues of the row's own.

Compiled once from the plan and called for every row; what leaves a row says which clause did it.
"""
