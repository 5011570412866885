"""What an auditor does with a bundle: ask what lines rest on, draw a sample, project its results, look for triggers."""
