"""Text in, checked program out.

The room reads `.task` files and the parsed lock and answers with a checked `Program` and a list of
diagnostics. It is pure: it opens no data, loads no tokenizer, asks no network and no clock, and
imports nothing but the standard library and lark. What a program then does to rows is the
compiler's business.
"""
