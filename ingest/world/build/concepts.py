"""Which things the world draws: one word list a category, in noto's file names.

A concept is written `file-name` or `file-name=spoken name`; the spoken name is what captions say and
needs no hyphen. Held-out concepts are never in the gallery, in any team's drawing: `SEEN` ones are
customized for train, validation and the seen test case, `UNSEEN` ones for the unseen test case only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CATEGORIES = ("animal", "plant", "food", "vehicle", "building", "object", "toy", "face", "nature", "symbol")

GALLERY: Mapping[str, str] = {
    "animal": """
        ant baby-chick=chick bat bear bird boar blowfish bug camel cat cat-face=cat-head chicken
        chipmunk cow cow-face=cow-head crab deer dog dog-face=dog-head dolphin dove
        dragon-face=dragon-head duck eagle elephant fish frog giraffe goat gorilla hamster
        hatching-chick hedgehog honeybee=bee horse horse-face=horse-head leopard lion lizard monkey
        monkey-face=monkey-head mouse mouse-face=mouse-head ox panda paw-prints pig
        pig-face=pig-head pig-nose poodle rabbit rabbit-face=rabbit-head ram rat rhinoceros rooster
        scorpion shark shrimp snake spider spider-web spiral-shell=shell spouting-whale squid tiger
        tropical-fish turkey unicorn water-buffalo=buffalo wolf flamingo kangaroo zebra raccoon swan
        seal sloth polar-bear beaver peacock hippopotamus=hippo
    """,
    "plant": """
        blossom=flower bouquet cherry-blossom deciduous-tree=tree evergreen-tree=pine-tree
        fallen-leaf four-leaf-clover=clover herb leaf-fluttering-in-wind=green-leaf maple-leaf
        palm-tree rosette seedling shamrock sheaf-of-rice=wheat tulip christmas-tree hibiscus
    """,
    "food": """
        avocado bacon baguette-bread=baguette beer-mug bento-box birthday-cake bread candy chestnut
        chocolate-bar=chocolate clinking-beer-mugs=two-beers cocktail-glass=cocktail
        cooked-rice=rice cookie cooking=fried-egg croissant cucumber curry-rice=curry custard dango
        ear-of-corn=corn egg french-fries fried-shrimp green-apple green-salad=salad honey-pot
        hot-beverage=coffee hot-dog hot-pepper=chili ice-cream kiwi-fruit=kiwi lemon lollipop
        meat-on-bone=meat melon pancakes peach peanuts pear popcorn pot-of-food=stew potato
        poultry-leg=drumstick red-apple rice-ball rice-cracker roasted-sweet-potato=yam shaved-ice
        shortcake soft-ice-cream=ice-cone spaghetti steaming-bowl=noodle-bowl sushi tangerine=orange
        teacup-without-handle=green-tea tomato tropical-drink wine-glass=wine
        bottle-with-popping-cork=champagne broccoli sandwich onion mango glass-of-milk=milk burrito
        stuffed-flatbread=kebab coconut
    """,
    "vehicle": """
        aerial-tramway=cable-car airplane ambulance articulated-lorry=lorry automobile=car
        bullet-train bus canoe delivery-truck=truck ferry high-speed-train=fast-train light-rail
        metro minibus=van monorail motor-boat motorcycle mountain-cableway=gondola
        oncoming-automobile=front-car oncoming-bus=front-bus oncoming-police-car=front-police-car
        oncoming-taxi=front-taxi passenger-ship=cruise-ship police-car racing-car railway-car=wagon
        satellite ship speedboat sport-utility-vehicle=jeep train tram tram-car trolleybus
        skateboard kick-scooter pickup-truck
    """,
    "building": """
        bank bridge-at-night=bridge building-construction=crane camping church
        convenience-store=shop classical-building=temple department-store=mall factory hospital
        hotel house houses cityscape=city house-with-garden=cottage japanese-castle=pagoda
        japanese-post-office=post-office love-hotel carousel-horse=carousel roller-coaster
        office-building=tower school stadium station synagogue tokyo-tower=radio-tower tent
        wedding=chapel derelict-house=ruin shinto-shrine=shrine
    """,
    "object": """
        artist-palette=palette axe balance-scale=scale barber-pole bathtub battery bed bikini
        black-nib=nib bomb books bow-and-arrow briefcase calendar camera clapper-board clipboard
        closed-book=book closed-umbrella crossed-swords=swords dagger desktop-computer=computer door
        dress electric-plug=plug envelope fax-machine file-folder=folder fire-extinguisher
        flashlight floppy-disk fountain-pen fuel-pump gear glasses graduation-cap green-book handbag
        headphone hourglass-done=hourglass jeans kimono label laptop lipstick locked=padlock
        magnifying-glass-tilted-left=lens memo microphone money-bag movie-camera necktie newspaper
        nut-and-bolt=bolt old-key open-book optical-disk=disc package=box paintbrush paperclip
        pencil pill postbox printer purse pushpin=pin radio red-paper-lantern=lantern ring
        running-shoe=sneaker satellite-antenna=dish scroll shield shopping-bags shopping-cart shower
        spiral-notepad=notepad straight-ruler=ruler sunglasses syringe t-shirt telephone thermometer
        toilet top-hat vertical-traffic-light=traffic-light videocassette=tape video-camera watch
        womans-boot=boot womans-hat=hat womans-sandal=sandal wrench stop-sign mans-shoe=shoe
        test-tube toothbrush toolbox chair broom bucket ladder coat socks desert-island=island
        funeral-urn=urn alembic=flask
    """,
    "toy": """
        american-football=football baseball basketball bowling boxing-glove badminton confetti-ball
        drum fishing-pole flag-in-hole=golf-flag game-die=dice goal-net=goal ice-hockey=hockey
        ice-skate japanese-dolls=dolls joystick sports-medal=medal musical-keyboard=piano
        party-popper performing-arts=masks ping-pong=paddle pool-8-ball=billiard-ball
        reminder-ribbon=loop-ribbon ribbon=bow rugby-football=rugby-ball running-shirt=jersey
        saxophone skis slot-machine soccer-ball tennis ticket trumpet video-game=gamepad volleyball
        wind-chime fireworks tanabata-tree=bamboo kite yo-yo puzzle-piece magic-wand
    """,
    "face": """
        alien-monster=monster angry-face cowboy-hat-face=cowboy crying-face
        face-with-tears-of-joy=laughing-face fearful-face=scared-face clown-face=clown grinning-face
        goblin grinning-cat smiling-face-with-heart-eyes=love-face
        smiling-face-with-sunglasses=cool-face nerd-face ogre sleeping-face
        smiling-face-with-halo=angel smiling-face-with-horns=devil thinking-face winking-face
        face-with-medical-mask=masked-face money-mouth-face=money-face see-no-evil-monkey
        neutral-face astonished-face=surprised-face loudly-crying-face=sobbing-face
        face-with-tongue=tongue-face pile-of-poo=poo
    """,
    "nature": """
        cloud cloud-with-lightning=thunder-cloud cloud-with-rain=rain-cloud comet cyclone
        droplet=drop fire snowflake snowman rainbow glowing-star sun sun-behind-cloud sun-with-face
        star tornado volcano water-wave=wave high-voltage=lightning globe-showing-americas=globe
        mountain ringed-planet=planet mount-fuji=snowy-peak national-park=park hot-springs
    """,
    "symbol": """
        red-heart blue-heart green-heart yellow-heart purple-heart black-heart broken-heart
        sparkling-heart beating-heart heart-with-arrow heart-with-ribbon=gift-heart two-hearts
        anger-symbol collision=explosion dizzy sparkles musical-note=note hundred-points=hundred
        speech-balloon club-suit=club diamond-suit=diamond spade-suit=spade love-letter
        sweat-droplets=splash
    """,
}

SEEN: Mapping[str, str] = {
    "animal": "owl octopus penguin turtle fox lady-beetle=ladybug",
    "plant": "cactus sunflower mushroom",
    "food": "hamburger strawberry watermelon cherries doughnut pineapple eggplant taco cupcake",
    "vehicle": "sailboat rocket bicycle helicopter tractor",
    "building": "castle circus-tent ferris-wheel",
    "object": "crown television light-bulb hammer backpack anchor",
    "toy": "guitar trophy wrapped-gift=gift teddy-bear",
    "face": "robot ghost",
}

UNSEEN: Mapping[str, str] = {
    "animal": "snail butterfly crocodile parrot koala lobster jellyfish",
    "plant": "rose potted-plant",
    "food": "pizza cheese-wedge=cheese carrot grapes banana teapot pretzel",
    "vehicle": "fire-engine locomotive motor-scooter=scooter flying-saucer",
    "building": "fountain statue-of-liberty=statue mosque",
    "object": """
        telescope scissors bell alarm-clock high-heeled-shoe gem-stone=gem microscope candle
        couch-and-lamp=couch
    """,
    "toy": "violin jack-o-lantern=pumpkin balloon",
    "face": "alien skull",
}


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing: `file` is its name in noto's files, `name` what captions say."""

    file: str
    name: str
    category: str
    hint: str  # "gallery", "seen" or "unseen"


def concepts() -> tuple[Concept, ...]:
    """All concepts, held-out ones first; a name that a held-out list claims leaves the gallery."""
    found: dict[str, Concept] = {}
    for hint, lists in (("unseen", UNSEEN), ("seen", SEEN), ("gallery", GALLERY)):
        for category, words in lists.items():
            for word in words.split():
                file, _, spoken = word.partition("=")
                concept = Concept(file, (spoken or file).replace("-", " "), category, hint)
                found.setdefault(file, concept)
    return tuple(found.values())
