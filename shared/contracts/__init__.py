"""What a caller may ask for and what a job is, as pydantic models."""
