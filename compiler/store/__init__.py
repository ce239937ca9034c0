"""The store: what builds have made before, kept by the digest of everything that it was made from.

objects (get, put, add), segments (encoded examples), files (digests of input files), code (digests
of our own stages), project (where the store is), clean (what may go).
"""
