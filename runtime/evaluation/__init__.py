"""What a model makes of an artefact's evaluation splits.

In: a model of transformers and rows of a split. Out: answers and whether they are right. Nothing is
tokenized: a split holds prompts and options as the ids that training would have given them.

    options     the option of the greatest likelihood is the answer
"""
