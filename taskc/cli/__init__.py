"""The command line: one file a verb, each a thin shell over the public API.

Arguments in, text and an exit status out. Nothing is computed here, and no other room imports this
one.
"""
