"""Verbs over the text of specs: check, lint, show, test.

In: folders or `.task` files. Out: findings, or what a template makes of a row. No artefact is
written here; the specs themselves are, where a verb is asked to mend or to update them.
"""
