"""Tracing over artefacts: where a row went, where a token came from, how two artefacts differ.

From paths to values that the command line shows. Specs, inputs and artefacts are read, and nothing
is written but the store.
"""
