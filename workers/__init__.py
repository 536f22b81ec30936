"""The GPU side: one process per card that takes jobs and makes results. Imports shared; never api."""
