"""Vendoring: every input of specs copied into one folder, and builds that read nothing else.

In: connectors and tokenizers of plans. Out: a folder with a manifest that pins each file by its
digest, and plans whose paths lead into it. Specs are not copied, and a plan read from the folder
differs from the spec's own in nothing but where files lie.
"""
