"""`POST /v1/chat/completions` in OpenAI's shape: a conversation → one task of an analysis job → an answer.

In reading order:

- `contract`: what we take of OpenAI's request, and what we refuse by name
- `ignorable_fields`: what clients send that changes nothing here
- `conversation`: messages → one question about at most one picture
- `task`: what that question asks the model to do
- `bare_requests`: whether a text is nothing but a request to describe
- `box_requests`: whether it asks for a box in JSON, of what, and how boxes are told
- `job`: a job whose client waits for it
- `response`: its result as a `chat.completion`
- `stream`: the same as server-sent events while the words come
"""
