"""What can be built and is likely not meant.

In: checked packages. Out: lints, which stop nothing and which a comment may allow. A package
without builds is a library: what it declares is for others, so nothing is said of what it does not
use.
"""
