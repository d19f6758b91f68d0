"""When: Dagster builds the tables, checks them, and only then lets anything leave.

One code location (`orchestration.definitions`), one job that matters (`refresh`). What is true is
in `models/`, how rows travel is in `reverse_etl/`; nothing in this room decides who or what.
"""
