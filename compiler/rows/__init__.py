"""Stages over rows: connect, shape, overlap, rank.

From files and data sets to ranked rows that conform to their source's type. A row that falls is
handed to the ledger with its stage and reason; no text is phrased and no token is made here.
"""
