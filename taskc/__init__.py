"""taskc: a compiler for instruction-tuning data.

Text goes in at `taskc.dsl`, a checked program goes up to `taskc.compiler`, an artefact comes out,
and `taskc.runtime` reads nothing but the artefact. This package is the face of the three: the
public API and the command line.
"""
