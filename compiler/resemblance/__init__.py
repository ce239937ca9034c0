"""Resemblance: how alike texts are by their words, and which rows are nearly the same.

In: texts, and rows by their keys. Out: words, shingles and MinHash signatures; for each row the row
that it is near to. A likeness that the signatures suggest is always checked against the shingles
themselves. No spec is read here and nothing is dropped.
"""
