"""The lock and the files: entries made of what stands on disk, and compared with it.

In: connectors and tokenizers of a plan. Out: entries of a lock, or diagnostics that name source,
split, file, and the digests that were expected and found. Nothing is written here, and rows are
looked at for their types alone.
"""
