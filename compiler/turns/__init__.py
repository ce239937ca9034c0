"""Stages over turns: phrase and encode.

From a row and a template to `(role, text, trained?)` turns, and from turns to token ids with target
spans. The mask is what the template said; it is never guessed back from a string.
"""
