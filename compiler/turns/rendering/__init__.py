"""Chat templates of tokenizers: conversations rendered, and the mask of what is rendered proved.

From turns and a Jinja template to stretches of text that are trained or not. What cannot be proved
is refused with the reason; nothing is guessed.
"""
