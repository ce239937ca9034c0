"""What a mixture says: which sources, how much of each, what is held out.

In: `mixture` blocks. Out: mixtures with their sources, held-out ones removed. Nothing is counted
here: how many rows there are is known when they are read.
"""
