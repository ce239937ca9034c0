"""Stages over rows: connect, shape, overlap.

From files and data sets to the keys of the rows that are left, and from keys to their values.
connect/ reads formats, values/ holds what types and expressions make of values.

    inputs -> survey (a range at a time) -> load: choices -> overlap, held_out;   reread

A row that falls is counted with its stage and reason; no text is phrased and no token is made here.
"""
