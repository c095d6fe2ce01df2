"""The pipelines: when things run. Dagster assets, jobs, schedules and checks, and nothing else.

Every body is one call into a lower room; how a view is computed or an engine is called does not
live here. Dagster is imported in this room only.
"""
