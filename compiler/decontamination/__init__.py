"""Decontamination: training rows whose words stand in evaluation rows, found and dropped.

In: the rows that are left of all sources, and the mixture's clauses. Out: the same without the rows
that share runs of words, or are near, with rows of the splits that a clause names; and for each of
them why. Words of fields are compared, never those of templates.
"""
