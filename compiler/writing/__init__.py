"""Stage `write`: from pointers in the order of the output to the artefact's folder.

Tokens go from the store through bounded buffers into files. Nothing is chosen here.
"""
