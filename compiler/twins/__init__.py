"""Twins: training rows of a mixture's sources that are equal or near, of which one stays.

In: the rows that are left of all sources, and the mixture's clauses `dedup`. Out: the same without
the rows whose twin stays, and for each of them which row that is. Words, bands and shingles are
those of `taskc.compiler.resemblance`; where rows stand is said as decontamination says it.
"""
