"""Encoders: words and pictures become vectors that are near each other where they mean the same.

directions  rows of numbers -> vectors of length 1
minilm      sentences, by a small BERT with mean pooling
clip        words and pictures in one space, by a CLIP or a SigLIP
inspection  whether a whole model lies on the disk
"""
