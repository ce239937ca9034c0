"""The text and its lossless tree.

From the characters of one `.task` file to a tree that, joined, gives the file back byte for byte,
with the messages for what does not parse and the formatter. What a name or an expression means is
decided in `taskc.dsl.model`, never here.
"""
