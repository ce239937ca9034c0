"""The questions that a program must answer before a row is read, one question a file.

Each module takes a program and returns diagnostics. A check never changes the program, never raises
for a user's mistake, and stays silent about an expression that has already failed.
"""
