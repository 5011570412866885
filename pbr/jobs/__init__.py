"""Jobs: one use case a file, putting the rooms together: a workspace in, a result object out."""
