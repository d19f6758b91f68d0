"""Where rows go. One module per destination, one line each in `registry`.

A destination says what it can do and delivers one batch at a time. What is in a batch, and
whether it may go, is decided before.
"""
