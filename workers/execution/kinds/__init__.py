"""What a worker does for each kind of job: from claimed records to results. One file a kind."""
