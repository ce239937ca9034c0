"""Artefact in; batches, a training step, an evaluation or an export out.

The room reads nothing but the artefact: it imports neither `taskc.dsl` nor `taskc.compiler`, and
never sees a specification, a template or raw data. `taskc.runtime.artifact` is the one definition
of the format and imports no torch.
"""
