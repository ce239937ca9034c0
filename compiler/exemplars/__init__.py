"""Exemplars: examples of other rows that stand before an example and are not trained.

From examples that were made to pointers at those that go before each, by keyed draws.
"""
