"""What can be read: one file a kind of thing, each a handful of functions over a `Cursor`.

From tokens to the nodes of `taskc.dsl.model`, by recursive descent. A function reads what it is
named after, from the cursor's place, and leaves the cursor behind it; where it cannot, it reports
one diagnostic and raises `Unreadable`, which ends the statement. docs/grammar.lark is the
reference.
"""
