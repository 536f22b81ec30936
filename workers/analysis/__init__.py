"""What the engines of analysis share: asking Moondream, classifiers, ONNX, names of classes, words said as they come."""
