"""What an auditor does with a bundle: draw a sample, project its results, and look for what should raise a question."""
