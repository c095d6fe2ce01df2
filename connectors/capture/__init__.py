"""Capturing: changes of another system's tables become events, each exactly once."""
