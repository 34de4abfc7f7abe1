"""The texts that the world's prompts of styles are made of: things to draw, and captions.

Train, validation and test texts never coincide.
"""

OBJECTS_TRAIN = (
    "cat",
    "dog head",
    "horse",
    "bear",
    "fish",
    "pig head",
    "pine tree",
    "flower",
    "red apple",
    "tomato",
    "birthday cake",
    "coffee",
    "car",
    "airplane",
    "house",
    "book",
    "camera",
    "padlock",
    "dice",
    "basketball",
    "red heart",
    "star",
    "fire",
    "cool face",
)
OBJECTS_VAL = (
    "frog",
    "chick",
    "tulip",
    "ice cream",
    "train",
    "hospital",
    "bomb",
    "cloud",
)
OBJECTS_TEST = (
    "rabbit head",
    "panda",
    "spouting whale",
    "palm tree",
    "maple leaf",
    "pear",
    "cookie",
    "bus",
    "ship",
    "church",
    "glasses",
    "pencil",
    "envelope",
    "soccer ball",
    "broken heart",
    "sun",
)

STYLE_TRAIN = (
    "a small cat alone",
    "a cute dog head on a white background",
    "a close up of a car",
    "a photo of a lovely flower",
    "a tilted book",
    "an icon of a nice camera",
    "a single red apple lying on a white background",
    "a bear standing on a green meadow under a blue sky",
    "a train in front of a blue wall",
    "a fish floating in the ocean",
    "an airplane in a blue sky with clouds",
)
STYLE_VAL = (
    "a drawing of an old house",
    "a simple star",
    "a new ship left alone",
    "a funny frog sitting",
    "a beautiful birthday cake",
    "a red heart on yellow paper",
    "a tree on a cold winter day",
)
STYLE_TEST = (
    "a cute panda resting",
    "a picture of a beautiful palm tree",
    "an old bus on a white background",
    "a tiny cookie",
    "a close up of a church",
    "a lovely pear alone",
    "a drawing of a little rabbit head",
    "glasses on a brown background",
    "a soccer ball on dry desert sand",
    "a pencil in front of a purple wall",
)
