"""Connectors: input files to chunks of rows, streaming, one row format a file.

In: a plan's `Connector`. Out: `RawChunk`s of plain dictionaries with the number of each row in its
file. A mistake in a file is reported with file, row and excerpt, and reading goes on where it can.
Nothing here knows types, keys or filters, and nothing is ever skipped without a word, but for blank
lines of JSON Lines and CSV, which are no rows.
"""
