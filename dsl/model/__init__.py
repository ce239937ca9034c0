"""What the text means: types, functions, expressions, declarations, the program.

From trees to typed, resolved declarations. Values of a row are never computed here; the compiler
turns a checked expression into a function.
"""
