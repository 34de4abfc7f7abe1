"""Words by which icon sets name plain things, and words that would smuggle a held-out concept in."""

_PLAIN = """
    airship astronaut baby bag ball bench binoculars bin bottle brain brush building cactus cake
    calculator cassette chef chess clock compass cone cpu cup desk diamond dino drone drill ear
    earth egg eye factory farm finger fingerprint flag foot fork gift glove hand hanger headset
    heart helmet home jar joker juice lamp lighter lock lotus magnet map mask mat milk mine moon
    mountain mouse mug nail needle nurse office oven paint pan passport pen phone picture pipe plane
    plant plate player police pot potion projector rocket roller sail saw saxophone screw
    screwdriver seat shirt shovel skateboard skirt smiley soap sofa spoon spray stamp store stove
    suitcase swimsuit sword syringe table tablet tank taxi tooth torch towel toy tree tv utensil
    vase wallet warehouse wheel whistle wind windmill wing wizard worm yacht zip trophy chip cloud
    lantern basket barrel anvil bandage kettle knife lab medal microscope parrot pyramid soldier
    sprout statue surfboard truck tractor volcano tent toilet gun grenade fence feather shark horse
    cow pig duck spider snake bee fish bird cat dog lion monkey elephant whale crab deer frog mouse
    bat bear rabbit rose tulip leaf cherry banana pear grape corn burger icecream noodle bacon steak
    chicken candy pie popsicle pretzel soup tea wine beer cocktail coffee champagne bread cheese
    carrot lettuce onion pepper potato tomato radish apple orange lemon lime melon peach
"""
_HELD_OUT = """
    bike bot bulb burger cherry cup-cake donut grape idea lightbulb plant tv whale tiger-head tiger-face
    umbrella key
"""

EXTRA_NOUNS = tuple(_PLAIN.split())
HELD_OUT_WORDS = tuple(_HELD_OUT.split())
