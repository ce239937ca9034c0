"""Quotas over strata: which rows `take ... by` and `best` choose.

From the group and the rank of each row to the order in which a source's rows are taken, and what
becomes of that order when rows fall. Nothing here phrases or encodes.
"""
