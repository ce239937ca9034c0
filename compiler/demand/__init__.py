"""Demand: examples made as they are asked for, "n more, in key order", and held as columns.

From rows as keys and pointers to pointers into the store. No stage here looks at values or tokens.
"""
