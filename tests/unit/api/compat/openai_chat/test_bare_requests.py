"""What is nothing but a request to describe, and what asks for more."""

import pytest

from api.compat.openai_chat.bare_requests import is_bare, is_neutral


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "?",
        "...",
        "Describe this image.",
        "Describe this image",
        "DESCRIBE THIS IMAGE!!!",
        "describe",
        "Describe it",
        "describe this",
        "describe the picture",
        "Please describe this photo.",
        "Can you describe this image?",
        "could you please describe the attached picture, thanks!",
        "Hi, describe my photo please",
        "**Describe this image.**",
        '"Describe this image"',
        "caption",
        "Caption:",
        "caption this",
        "Caption this image",
        "CAPTION THIS PICTURE",
        "Write a caption",
        "Write a caption for this image.",
        "Generate a caption for the image",
        "generate image caption",
        "Give me a description of this picture",
        "provide a description for the following image:",
        "A description of this image, please",
        "Image description",
        "Describe what you see",
        "describe what you see in this image",
        "Describe what's in this picture.",
        "Describe the contents of this image",
        "Describe this image for me",
        "I want you to describe this image",
        "descibe this image",
        "discribe this pictrue",
        "describe_this_image",
    ],
)
def test_a_bare_request_in_any_form(text):
    assert is_bare(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is in this picture?",
        "What colour is the car?",
        "Describe the lighting",
        "Describe the lighting in this image.",
        "Describe the subject of this image",
        "Describe the person",
        "Describe this image in three words",
        "Describe this image in detail, mention the colours",
        "Describe this image in French",
        "Describe it for a blind person",
        "Describe this image as a Stable Diffusion prompt",
        "Describe this image and count the people",
        "Describe this image. How many people are there?",
        "Write a funny caption",
        "Write a caption with hashtags",
        "Caption this image in German",
        "Write alt text",
        "A short title",
        "List 10 key descriptive tags for this image, comma separated. Do not use sentences.",
        "Is this image described anywhere?",
        "Don't describe this image",
        "Describe this imaginary planet",
        "Describe the hat",
        "why?",
        "7",
        "describe this image " * 20,
    ],
)
def test_what_asks_for_more_stays_a_question(text):
    assert not is_bare(text)


@pytest.mark.parametrize("text", ["", "You are a helpful assistant.", "You are a helpful AI vision assistant"])
def test_instructions_of_every_client_say_nothing(text):
    assert is_neutral(text)


@pytest.mark.parametrize("text", ["Answer in French.", "You are a pirate.", "You are a helpful assistant. Be short."])
def test_other_instructions_count(text):
    assert not is_neutral(text)
