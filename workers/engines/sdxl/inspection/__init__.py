"""Whether a whole SDXL model lies on the disk, told without torch; and if not, what is wrong, in one sentence.

model       a diffusers folder, or a single file with its configurations beside it; which files would be loaded
checkpoint  a single file of weights: an SDXL checkpoint, or what else it is
parts       what UNet, VAE and text encoders must have, by their configurations
tokenizer   a tokenizer of CLIP and the text encoder it speaks to
"""
