"""Stages over token sequences: order, pack, write.

From encoded examples to the mixture's stream, from the stream to packed sequences, and from those
to the shards of an artefact. No stage here looks at text.
"""
