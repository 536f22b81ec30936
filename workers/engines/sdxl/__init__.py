"""SDXL through diffusers, and pictures equal to its own to the last bit.

engine           loads a model, moves it, makes pictures, closes it
denoising        jobs -> samples -> finished latents
samples          one picture on its way: all that is its own
one_pass         one forward pass over samples, and the step each takes of it
checkpoints      a sample as bytes, and back
prompt_encoding  prompts of any length -> text conditioning
prompt_cache     what was encoded lately
encoder_visits   text encoders that wait in host memory
schedulers       a sampler and a schedule -> a diffusers scheduler
timesteps        schedules that are lists
ancestral        Euler ancestral along any schedule
vae              the model's VAE, and what it gives up when memory or range is short
vae_decoding     latents -> pictures, in tiles
vae_encoding     pictures -> latents; a starting picture made to fit
progress         how far a GPU batch is, with previews
files            a folder or a single file -> a pipeline in host memory
inspection       whether a whole model lies there
placement        a pipeline put on its device, moved off it and back, weighed
eight_bits       the UNet's weights in eight bits
offloading       weights that wait in host memory and visit the GPU
sharing          parts that several loaded models have in common
smallest         the least that a model can be asked for
toy              the architecture at toy size, with random weights
"""
