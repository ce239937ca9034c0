"""Verbs that say where something went or came from: why, blame, diff.

From options to words or JSON on stdout. What a verb finds out stands in `taskc.tracing`.
"""
