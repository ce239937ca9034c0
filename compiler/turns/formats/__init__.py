"""The formats of an example: what stands around texts, what is trained, what is cut.

From phrased turns and the ids of their texts to pieces, and from pieces to columns. Everything here
is arithmetic over lengths and positions; no text is looked at.
"""
