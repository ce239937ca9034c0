"""What a template says: whom it serves, its options, its prompts.

In: `template` blocks. Out: templates whose every placeholder has a type that can be written.
Nothing is rendered here.
"""
