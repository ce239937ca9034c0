"""Values of rows: what types and expressions make of them.

conform (values to their declared types), evaluate (expressions to functions), functions (the
library), markup (HTML to text), operators. Nothing here knows files, keys or filters.
"""
