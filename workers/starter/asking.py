"""Open requests the way galleries and people make them, in many wordings: tables only.

`answering.py` gives each its right answer. The evaluation asks in other words (`open_marks.py`). A request is written
by `Wordings.say`, which takes one from the table or builds one from parts, now and then carelessly.
"""

import random
from dataclasses import dataclass

#: What a picture is called.
PICTURES = ("image", "picture", "photo", "postcard", "card", "drawing", "scene", "picture", "image")
_THE = ("this", "this", "the", "that", "my")


@dataclass(frozen=True)
class Wordings:
    """Requests that mean one thing; `{the}` stands for "this image" and the like."""

    texts: tuple[str, ...]

    def say(self, draw: random.Random) -> str:
        return draw.choice(self.texts).replace("{the}", f"{draw.choice(_THE)} {draw.choice(PICTURES)}")


def _crossed(starts: str, ends: str) -> tuple[str, ...]:
    """Every start with every end, both separated by bars."""
    return tuple(f"{start}{end}" for start in starts.split("|") for end in ends.split("|"))


#: A bare request for a description.
DESCRIBE = Wordings(
    (
        *_crossed(
            "Describe|Caption|Explain|Describe to me|Please describe|Can you describe|Interpret",
            " {the}| {the} please",
        ),
        *_crossed("Tell me about|Tell me what is in|Tell me what you see in|Say what is in", " {the}"),
        *_crossed("Write a caption for|Give a caption for|Write a description of|Give me a description of", " {the}"),
        *_crossed("What do you see| What can you see|What is there to see|What is visible", " in {the}?"),
        *_crossed("What is|What's|What is shown|What is depicted|What is happening|What is going on", " in {the}?"),
        *_crossed("What does|What does", " {the} show?| {the} depict?| {the} contain?"),
        *_crossed(
            "Compose|Make|Provide|Formulate|Let me have|I want|May I have|Could I get|Let us have|Type",
            " a caption| a description",
        ),
        *_crossed(
            "Compose |Make |Provide |Form |I want |Could I get |Please write |Please give me ",
            "a caption of {the}|a description of {the}",
        ),
        *_crossed(
            "What is there|What is seen|What is drawn|What is painted|What is displayed|What do we see|What can we see",
            "?| here?",
        ),
        *_crossed(
            "What has been painted|What is to be seen|What was drawn|What do you find|What is presented",
            "?| on {the}?",
        ),
        *_crossed(
            "Describe it|Describe {the}|Caption it|Put it",
            " in your own words| for me, please| to a friend| in plain words",
        ),
        *_crossed("Talk to me about|Write about|Report on|Give an account of|Read to me what is on", " {the}| it"),
        "Say what is there", "List what is there", "Sum it up", "Summarise it", "Say something about {the}", "Tell what is there",
        "Tell a blind man what is on {the}", "Describe it to a blind person", "Your description?", "And what is on it?",
        "Describe it", "Caption it", "Caption this", "Describe this", "Describe", "Caption", "caption:", "Description",
        "Describe what you see", "Tell me what you see", "What am I looking at?", "What are we looking at?", "",
        "What is this a picture of?", "Describe the scene", "Explain what is shown", "Summarise {the}", "Go on, describe it",
        "Describe {the} for a blind person", "Describe {the} to somebody who cannot see it", "What do you notice?",
        "Describe the content of {the}", "Describe the contents", "What would you say about {the}?", "Look at {the}",
        "I want a description", "I would like a caption", "A description of {the}", "Describe everything in {the}",
        "Help me understand {the}", "Could you tell me what is in {the}?", "Provide a description of {the}",
        "Provide a caption", "Generate a caption for {the}", "Generate a description", "Make a caption for {the}",
    )
)  # fmt: skip
IN_DETAIL = Wordings(
    (
        *_crossed("Describe|Caption|Explain", " {the} in detail| {the} in great detail| {the} as fully as you can"),
        "Write a long description of {the}", "Give a detailed description", "Describe everything you see in detail",
        "Write a long caption", "A detailed caption please", "Describe {the} at length", "Tell me all about {the}",
    )
)  # fmt: skip
IN_SHORT = Wordings(
    (
        *_crossed(
            "Describe|Caption|Summarise|Summarize",
            " {the} briefly| {the} in one sentence| {the} in short| {the} shortly",
        ),
        "Write alt text", "Write alt text for {the}", "Give me the alt text", "Alt text:", "A short caption please",
        "Write a short caption", "Say briefly what is there", "Short description", "One sentence about {the}",
        "Briefly, what is this?", "Give a brief description", "A brief caption for {the}",
    )
)  # fmt: skip
TITLE = Wordings(
    (
        "A short title", "Give {the} a title", "Write a title for {the}", "Suggest a title", "Title", "What title fits {the}?",
        "Name {the}", "Find a title for {the}", "Give me a title please", "Write a headline for {the}",
    )
)  # fmt: skip
CAPITALS = Wordings(("Describe {the} in capitals", "Caption {the} in capital letters", "Describe {the} in upper case"))
FEW_WORDS = Wordings(
    ("Describe {the} in three words", "{the} in three words", "In a few words", "Describe {the} in few words")
)
KEYWORDS = Wordings(
    (
        "List 5 to 10 descriptive keywords for what is visible (objects, colours, people), separated by commas and nothing else.",
        "Give 5-10 keywords for {the}, separated by commas", "Keywords", "Keywords for {the}", "List keywords",
        "Give me 10 key tags for {the}, comma separated, no sentences.", "Tags", "Tag {the}", "Give tags for {the}",
        "Write comma separated tags", "List the tags of {the}", "What tags fit {the}?", "10 tags for {the}, no sentences",
        "Give 5 keywords separated by commas", "Which keywords describe {the}?", "Make a list of tags", "Hashtags for {the}",
        "Provide descriptive keywords of the visible objects and colors only, comma separated",
    )
)  # fmt: skip
MOOD = Wordings(
    (
        "List 5 to 10 keywords for the mood, separated by commas and nothing else.", "What is the mood of {the}?",
        "Describe the mood", "Mood keywords", "Give keywords for the mood of {the}", "What mood does {the} have?",
        "Describe the atmosphere", "What is the atmosphere of {the}?", "Give 5 mood keywords separated by commas",
    )
)  # fmt: skip
SUBJECT = Wordings(
    (
        "Describe the subject", "Describe the subject of {the}", "What is the subject of {the}?", "What is the main subject?",
        "What is the main object?", "Describe the main subject only", "Describe only the subject",
        "Who or what is the subject?",
        "List the objects", "List the objects in {the}", "What objects are there?", "Name all objects",
        "Which things are there?",
        "List all things and where they are", "What things do you see and where?",
    )
)  # fmt: skip
SURROUNDINGS = Wordings(
    (
        "Describe the surroundings", "Describe the background", "What is in the background?", "Describe the setting",
        "Describe the environment", "What is the setting of {the}?", "Where does {the} take place?",
        "What are the surroundings?",
        "Describe only the surroundings of the subject", "What kind of place is it?", "Describe the landscape",
    )
)  # fmt: skip
LIGHTING = Wordings(
    (
        "Describe the lighting", "What is the light like?", "How is {the} lit?", "Describe the light of {the}",
        "What kind of lighting is it?", "Where does the light come from?", "Describe only the lighting",
    )
)  # fmt: skip
STYLE = Wordings(
    (
        "Describe the style", "What style is it?", "In which style is {the} drawn?", "What is the style of {the}?",
        "What kind of picture is it?", "Describe only the style", "How is {the} drawn?", "Which art style is {the}?",
    )
)  # fmt: skip
DIFFUSION = Wordings(
    (
        "Describe {the} as a Stable Diffusion prompt", "Write a prompt for {the}", "Write a Stable Diffusion prompt",
        "Give me the prompt for {the}", "As a prompt please", "What prompt would make {the}?",
    )
)  # fmt: skip
RATING = Wordings(
    (
        "Rate {the}: answer with exactly one of PG, PG-13, R, X.", "Answer with exactly one of PG, PG-13, R, X",
        "Give {the} a rating: PG, PG-13, R or X", "Content rating (PG, PG-13, R, X)?",
        "Which rating has {the}? PG, PG-13, R or X",
    )
)  # fmt: skip
INDECENT = Wordings(
    (
        "Is there nudity in {the}?", "Is {the} sexual?", "Is {the} nsfw?", "Does {the} show violence?",
        "Is there blood in {the}?",
        "Is {the} offensive?", "Does {the} show nudity or sexual content? Answer yes or no.", "Is somebody naked?",
    )
)  # fmt: skip
DECENT = Wordings(
    (
        "Is {the} safe for work?", "Is {the} sfw?", "Is {the} safe?", "Is {the} suitable for children?",
        "Is this a drawing?", "Is it a postcard?", "Is this a postcard?", "Is {the} drawn?",
    )
)  # fmt: skip
BOX = Wordings(
    (
        "Find the main subject and give ymin, xmin, ymax, xmax between 0 and 1 as a JSON object.",
        "Bounding box of the main subject as JSON with ymin, xmin, ymax, xmax between 0 and 1",
        "Where is the main subject? Answer with a JSON object with ymin, xmin, ymax, xmax.",
        "Return the box of the subject as JSON: ymin, xmin, ymax, xmax", "Give the bounding box as a JSON object",
        "Find the face or the main subject; answer as JSON object with ymin, xmin, ymax, xmax from 0 to 1",
    )
)  # fmt: skip
CLOSE_UP = Wordings(
    (
        "Say briefly what is there, and whether it is a close-up of an eye or a person.",
        "Is it a close-up of an eye or a person? Say briefly what is there.", "What is it, and is it a close-up?",
        "Briefly: what is there, and is there a close-up of a person or of an eye?",
    )
)  # fmt: skip
WRITING = Wordings(
    (
        "Is there text in it? Read it", "Read the text", "What does the text say?", "Is there any text in {the}?", "Any words?",
        "What is written there?", "Transcribe the text in {the}", "Is something written on {the}?", "OCR", "Read {the} aloud",
    )
)  # fmt: skip
UNKNOWABLE = Wordings(
    (
        "Who painted {the}?", "Why is it there?", "What does it cost?", "How old is it?", "Who lives there?",
        "What is the name of it?",
        "When was {the} made?", "Which city is this?", "In which country is it?", "What happens next?", "Tell me a joke",
        "Who are you?", "What time is it now?", "What is 2 plus 2?", "What does it mean?", "How much does it weigh?",
        "Who made {the}?", "What is the capital of France?", "What is your name?", "Write a poem", "How do you feel?",
    )
)  # fmt: skip
FOREIGN_LANGUAGE = Wordings(
    (
        "Beschreibe dieses Bild", "Was siehst du?", "Was ist auf dem Bild?", "Welche Farbe hat das Haus?", "Wo ist der Baum?",
        "Décris cette image", "Que vois-tu ?", "Qu'est-ce que c'est ?", "De quelle couleur est la maison ?", "Où est le chat ?",
        "Describe esta imagen", "¿Qué ves?", "¿Qué hay en la foto?", "¿De qué color es la casa?", "¿Dónde está el gato?",
        "Descrivi questa immagine", "Cosa vedi?", "Che cosa c'è nella foto?", "Descreva esta imagem", "O que você vê?",
        "Beschrijf deze afbeelding", "Wat zie je?", "Beskriv bilden", "Opisz ten obraz",
        "Опиши картинку", "描述这张图片", "この絵は何ですか",
        "Wie viele Dinge sind da?", "Ist das ein Haus?", "Bitte beschreibe das Foto", "Combien de maisons ?", "¿Cuántos hay?",
    )
)  # fmt: skip
