"""Measures: linked evidence comes in; facts go out, each with the records behind it."""
