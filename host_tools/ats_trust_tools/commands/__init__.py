"""One module for each command of `ats-trust`: its arguments, and what it shows."""
