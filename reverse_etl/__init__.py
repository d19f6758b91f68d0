"""Keeps SaaS destinations in step with the `sync_` models: plan, guard, send, acknowledge.

Knows the warehouse and nothing above it: no Dagster, no dbt. What goes where is configured
in exposures; who may go is decided in SQL.
"""
