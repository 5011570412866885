"""Reports: tables come in, and pages that people read go out."""
