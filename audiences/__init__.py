"""Audiences as code: YAML definitions and their compiler to dbt models.

`definitions/` holds what marketers write. `reading` turns a file into a `Definition` or says
what is wrong with it, `compiler` writes the SQL, `model_files` the YAML beside it, and
`project` is the only module that touches files. Who is a member is decided by the compiled
models in the warehouse, never here.
"""
