"""Other servers' request shapes over our jobs, for clients that were written for those. A folder a shape.

- `openai_chat`: OpenAI's chat completions, as questions about a picture
"""
