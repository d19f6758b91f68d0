"""`kenning …`: reads arguments, prints results. Whatever is worth testing alone lives elsewhere."""
