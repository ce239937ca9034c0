"""A second implementation of what the specs beside this folder ask for, by hand and without taskc.

In: the data files, the tokenizers and this folder's own statements of what each spec says. Out:
rows, turns, ids, masks, draws and orders to compare an artefact with. Nothing here imports taskc or
reads a `.task` file: what stands in a spec is said again in Python, so that a mistake of the
compiler cannot agree with itself. The rules are those of docs/language.md, docs/keys.md,
docs/masks.md.
"""
