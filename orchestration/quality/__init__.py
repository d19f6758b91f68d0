"""Great Expectations: what dbt tests cannot say well.

Raw inputs: distributions of the newest arrivals and volume against the run before. Outbound rows:
every row about to leave, against the rules of being sent. Suites are plain data; only `validation`
imports the library, and only inside a function, because the import takes seven seconds. Results
keep counts, never a value of a row.
"""
