"""What the tests need to run programs and pages, and no test."""
