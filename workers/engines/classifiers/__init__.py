"""Taggers and raters: a model looks at a picture once and answers all its tasks.

classifying       looks -> answers, the same for all of them
torch_classifier  a torch network as a loaded engine
featured          a torch classifier that also tells what a picture looks like
efficientnet      ImageNet's classes as tags
hf_classifier     transformers' classifiers as raters
onnx_session      ONNX sessions: where they run, with how many threads
onnx_classifier   an ONNX model as a loaded engine
wd_tagger         booru tags and a rating
opennsfw          a rating of photographs
inspection        whether a whole model lies on the disk
"""
