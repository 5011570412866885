"""Audit: what a claim rests on, and what an auditor asks of it. Tables of a bundle and its rules in; tables out."""
