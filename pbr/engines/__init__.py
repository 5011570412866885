"""Engines: facts and rules come in; findings go out, the same from every engine."""
