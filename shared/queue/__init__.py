"""Messages: a ticket says that one job is ready, and carries nothing but its id.

broker       the Celery app, and how tickets are sent
dispatch     record first, ticket second; the only file that sends work
rating_jobs  pictures are rated by jobs of the house
"""
