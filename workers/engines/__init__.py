"""Engines: the only files that know how a kind of model loads and runs, and the only ones with torch.

    base         what an engine promises, and the plan by which it is loaded; engines of others import this alone
    stepping     what an engine promises beside, that makes pictures a step at a time
    registry     engines by the name that the catalogue uses
    inspections  what is wrong with a model's files, told without loading them
    sdxl         pictures from words and pictures
    moondream    answers about pictures
    classifiers  tags and ratings
    encoders     vectors of words and pictures
    torch_tools  what the engines ask of torch: memory, precision, noise, and how it fails

Engines do not know one another. A new one is a package (or a module) here with a `KIND`, a row in `registry` and one in
`inspections`.
"""
