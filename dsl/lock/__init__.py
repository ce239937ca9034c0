"""The lock: what the inputs of a package were when they were last looked at.

In: the bytes of a `taskc.lock`. Out: its entries as values, and values as the text of the file. No
input is opened here: `compiler/lock` makes entries from files and compares them, the checker reads
the types of columns from them.
"""
