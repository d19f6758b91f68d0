"""A synthetic company with a known truth, and the tools around it, to see Kenning work.

Nothing here is needed to run Kenning on a company's own data.
"""
