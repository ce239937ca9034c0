"""Checked program in, artefact on disk out, by way of a plan.

The room lowers a `taskc.dsl` program to a plan, and runs the plan's stages in the order of a row's
journey: connect, shape, rank, phrase, encode, order, pack, write. It imports `taskc.dsl` and, of
the runtime, only `taskc.runtime.artifact`, the one definition of the format that it writes.
"""
