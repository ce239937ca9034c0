"""Which epoch's model is kept: chosen by reading what each answers, as LIMA's authors did.

In: the folder of a run that keeps its epochs, and the artefact that it read. Out: a page that
shows answers side by side, and the choice with its reason. Zhou et al. 2023 found that perplexity
on held-out data rises while answers get better, so no loss is shown and none decides.

    answers     what the models of some epochs answer to the prompts of a split
    page        those answers side by side, as one file of HTML
    choice      the epoch that was chosen, put in its place, with the reason
"""
