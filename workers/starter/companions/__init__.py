"""The painter's companions: small weights that change what it paints, each trained on the same world.

base          the finished painter, frozen, as they are trained on it
files         weight files, stamped with the hash of their base
styles        woodcut and neon, as functions of a card, and how much of each a picture has
kohya         LoRA files as kohya's trainer writes them
lora          teach the painter a style
inversion     teach the text encoders a word: a windmill
compact       the network that enlarges
upscale       teach it to enlarge cards
decoder       teach a tiny decoder, for previews
scribbles     what a person draws with a mouse
scribble      teach a ControlNet to follow it
eye           the image encoder of the reference adapter
reference     teach an IP-Adapter to carry a thing and its colour over
inpainting    something else where a thing was: needs no weights
training      which companions there are, how long each is trained, what it leaves
loading       the shipped files through diffusers' own classes
measures      what each can, on held-out cards
evaluate      the command line of the measures
"""
