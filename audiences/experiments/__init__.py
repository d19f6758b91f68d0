"""Holdouts and A/B tests: what an audience's split groups bought after they entered it.

`outcomes` reads groups of customers from the warehouse with `queries`. `inference`, `corrections`
and `power` are the statistics; `verdict` judges groups with them, `cautions` says what blurs them,
and `planning` plans. `results_report` and `plan_report` put both into words and JSON. Who is in
which group is decided by the audience's model, never here; when an exposure counts and which
orders are its own, in `queries` alone.
"""
