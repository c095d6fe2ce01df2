"""The mapping language: how the tables of another system, or a CSV file, become events.

Here live the language (YAML), its check against a domain's categories, and the translation of
changes into events. Nothing here talks to Kafka, or appends to a log.
"""
