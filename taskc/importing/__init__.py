"""Importing: a spec for a file that is there, in one of the shapes that people share rows in.

In: a file of rows, and which shape it has. Out: a folder with a spec that builds at once, and words
on everything in the file that the spec does not take. Every row is looked at once; the file itself
is never changed.
"""
