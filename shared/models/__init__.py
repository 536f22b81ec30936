"""What models there are and what is known of them.

models.toml   the built-in models
catalogue     the cards of all models, and where their weights lie
effective     a request and its model's card -> the parameters that a worker gets
actions.toml  what can be done to pictures with one click
actions       those recipes, and how one is filled
measurements  peaks and times of runs, kept in Redis
"""
