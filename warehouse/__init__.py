"""The ground floor: opens the dbt target, speaks its dialect, reads the dbt manifest.

The only room that imports a database driver. Nothing here knows what a customer, an
audience or a sync is.
"""
