"""Reads and reviews the identity graph that the models built: why, since when, and what if.

Knows the tables of models/identity and no warehouse engine. Writes one table, the hand-made link
rules; everything else that identity is, SQL decides.
"""
