"""The starter models: a world of postcards that draws itself, and the two small models trained on it."""
