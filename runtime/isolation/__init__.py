"""How a model is kept from seeing one example from another of its pack, and the proof that it is.

In: a model, and packs of an artefact. Out: an attention of the machine that holds examples apart,
set on the model, and by what it must be told where they begin; or a refusal with the reason. What
holds is measured on the model itself before the first step, never read off a list of families.
"""

from taskc.runtime.isolation.measure import Isolation, check_isolation, measure_isolation

__all__ = ["Isolation", "check_isolation", "measure_isolation"]
