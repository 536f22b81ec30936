"""Weight files on this host: what they are, what they hash to, where they come from.

weight_files  what a file is, by its first bytes and its header
hashes        the SHA-256 of a model, computed once and kept beside it
bases         which model an adapter was trained on
hub           the Hugging Face hub, with its failures in our words
"""
