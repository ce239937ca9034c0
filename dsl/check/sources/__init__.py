"""What a source says: where its rows are, which splits it has, how a row is shaped.

In: `source` blocks. Out: sources with connectors, splits and row types. No row is read: types of
columns that no text declares stay unknown until the build.
"""
