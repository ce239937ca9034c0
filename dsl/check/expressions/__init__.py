"""What type an expression has, in the scope where it stands.

In: an expression and a scope. Out: a type, and diagnostics for what has none. An expression that
failed has the type `Unknown`, about which every rule stays silent. Values are never computed here,
save those of constants that a statement takes.
"""
