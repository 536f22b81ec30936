"""What other programs wrote into their pictures, read into our fields.

In reading order:

- `foreign`: which program made a picture, and what it says
- `texts`: the texts in a picture file
- `infotext`: A1111 and all that write as it does
- `comfyui`: a graph of nodes
- `invokeai`: InvokeAI's own record
- `sidecars`: files beside a picture
- `values`: what may stand in a field
"""
