"""Tracing: one row followed through the stages of a build, and one text back to its parts.

From a row's place to what became of it, and from a token to what of the spec and the row gave it.
The stages themselves are asked: nothing is decided here, so nothing can differ from a build.
"""
