"""People and what they may do: who there is, their keys and sessions, what they have used, what was done."""
