"""Pictures: bytes that come in, what is seen in them, and where they are kept. No torch.

pixels          bytes <-> picture, within limits
formats         which formats are read, by their first bytes and their names
parts           what a file is made of, once it was taken apart
png_chunks      a PNG taken apart
jpeg_segments   a JPEG taken apart
boxes           WebP and AVIF taken apart
orientation     which way is up
colour          the colours that are meant -> sRGB
as_seen         what a decoder gives -> what a person sees
data_uris       a picture as text
a1111_text      generation parameters as the text in a PNG
artifact_store  what a store of pictures promises, and ids
folder_store    pictures in a shared folder
redis_store     pictures in Redis
stores          the store that the settings name
references      who may open a picture
ratings         what the house says of a picture
rating_rules    what follows from that
blurring        what is shown of one that is blurred
"""
