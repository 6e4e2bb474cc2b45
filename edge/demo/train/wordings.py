"""How people ask: many wordings of each question. Data, read by `topics`.

`{a}` is filled with a thing and its article, `{s}` with its plural.
"""

from __future__ import annotations

from edge.demo.world import Kind

# What things are called: (singular with article, plural).
NAMES: dict[Kind, tuple[tuple[str, str], ...]] = {
    "person": (
        *(("a person", "people"), ("a person", "persons"), ("a human", "humans")),
        *(("somebody", "people"), ("someone", "people"), ("anybody", "people")),
        ("anyone", "people"),
    ),
    "car": (("a car", "cars"), ("a vehicle", "vehicles"), ("a car", "cars")),
    "dog": (("a dog", "dogs"), ("an animal", "animals"), ("a dog", "dogs")),
    "parcel": (("a parcel", "parcels"), ("a package", "packages"), ("a delivery", "deliveries")),
    "bicycle": (("a bicycle", "bicycles"), ("a bike", "bikes"), ("a cycle", "cycles")),
    "fire": (("a fire", "fires"), ("fire", "fires"), ("flames", "flames")),
    "smoke": (("smoke", "smoke"), ("any smoke", "smoke")),
}
# Which words of a question say what it is about, by the first word of the channel that shows it.
ABOUT: dict[str, frozenset[str]] = {
    kind: frozenset(" ".join(name for pair in names for name in pair).split()) - {"a", "any"}
    for kind, names in NAMES.items()
}
ABOUT["person"] |= {"nobody", "no", "one", "man", "coat", "jacket", "wear", "wearing", "cyclist"}
ABOUT["fire"] |= {"burning", "burn"}
ABOUT["parcel"] |= {"box", "delivered"}
ABOUT["door"] = frozenset({"door"})
ABOUT["at"] = frozenset({"carrying", "carry", "holding", "hold", "bringing"})
ABOUT["text"] = frozenset(
    {"sign", "house", "label", "text", "writing", "written", "read", "words", "printed", "number"}
)

PRESENCE = (
    *("Is there {a} in the picture?", "Is there {a}?", "Is {a} visible?", "Can you see {a}?"),
    *("Do you see {a}?", "Does the picture show {a}?", "Is {a} in the picture?"),
    *("Is {a} there?", "Is {a} in view?", "Is there {a} in the scene?", "Is there {a} here?"),
    *("Is {a} present?", "Is {a} in sight?", "Is there {a} in the image?", "Is {a} on camera?"),
    *("Is there {a} in the yard?", "Do you notice {a}?", "Does the camera see {a}?"),
    *("Has {a} appeared?", "Is {a} in the yard?", "Is there {a} in front of the house?"),
)
PRESENCE_PLURAL = (
    *("Are there any {s}?", "Are {s} visible?", "Do you see any {s}?", "Any {s} in the picture?"),
    *("Are there {s} in the picture?", "Can any {s} be seen?"),
)
BURNING = ("Is something burning?", "Does anything burn?", "Is anything on fire?")
NOBODY = (
    *("Is the yard empty of people?", "Is nobody there?", "Is no one in the picture?"),
    *("Is the place without people?", "Is there nobody?"),
)
AT: dict[str, tuple[str, ...]] = {
    "doorstep": (
        *("on the doorstep", "at the door", "on the step", "in front of the door"),
        "by the door",
    ),
    "driveway": ("in the driveway", "on the driveway", "in the drive"),
    "path": ("on the path", "on the footpath", "on the way to the door"),
    "lawn": ("on the lawn", "on the grass", "beside the path"),
}
PRESENCE_AT = (
    *("Is there {a} {at}?", "Is {a} {at}?", "Do you see {a} {at}?", "Can you see {a} {at}?"),
    *("Is {a} visible {at}?", "Does {a} stand {at}?", "Is there {a} {at} now?"),
)
LYING = (
    "Does {a} lie {at}?",
    "Is {a} lying {at}?",
    "Has {a} been left {at}?",
    "Did somebody leave {a} {at}?",
)
DOING: dict[str, tuple[str, ...]] = {
    "walking": ("Is {a} walking?", "Does {a} walk?", "Is there {a} walking?"),
    "running": ("Is {a} running?", "Does {a} run?", "Is there {a} running?"),
    "standing": ("Is {a} standing still?", "Does {a} stand still?", "Is {a} waiting?"),
    "riding": ("Is {a} riding a bicycle?", "Does {a} ride a bike?", "Is there a cyclist?"),
}
CARRYING = (
    *("Is {a} carrying a parcel?", "Does {a} carry a package?", "Is {a} holding a parcel?"),
    *("Does {a} hold a box?", "Is {a} bringing a parcel?"),
)
COLOURED_CAR = (
    *("Is there a {colour} car?", "Is the car {colour}?", "Do you see a {colour} car?"),
    *("Is a {colour} car in the picture?", "Is there a {colour} vehicle?"),
)
COLOURED_COAT = (
    *("Is there a person in {colour}?", "Does somebody wear a {colour} coat?"),
    *("Is somebody wearing {colour}?", "Is there a person in a {colour} jacket?"),
)
DOOR_OPEN = (
    *("Is the door open?", "Is the front door open?", "Does the door stand open?"),
    *("Has the door been opened?", "Is the door wide open?"),
)
DOOR_CLOSED = (
    *(
        "Is the door closed?",
        "Is the front door shut?",
        "Is the door shut?",
        "Is the door fully closed?",
    ),
)
DOOR_THERE = ("Is there a door?", "Is a door visible?", "Can you see a door?")
NIGHT = ("Is it night?", "Is it dark?", "Was the picture taken at night?", "Is it dark outside?")
DAY = ("Is it day?", "Is it daytime?", "Was the picture taken by day?", "Is it light outside?")
RAIN = ("Is it raining?", "Does it rain?", "Is there rain?", "Is it wet weather?")
COVERED = (
    *("Is the camera covered?", "Is the lens blocked?", "Is something in front of the lens?"),
    "Is the view blocked?",
)
WRITING = (
    *("Is there any writing?", "Can you see a text?", "Is there something to read?"),
    *("Is there a sign or a label with text?", "Are there words in the picture?"),
)
LEFT = (
    *("Did somebody leave a parcel?", "Has a parcel been left?", "Was a parcel put down?"),
    *("Has a package been delivered?", "Is there a new parcel?", "Did a parcel appear?"),
)
TAKEN = (
    *("Was a parcel taken away?", "Has the parcel been taken?", "Did somebody take a parcel?"),
    *("Is a parcel gone?", "Has a parcel disappeared?"),
)
ARRIVED = ("Did a car arrive?", "Has a car arrived?", "Is there a new car?", "Did a car come in?")
CAME = (
    "Did somebody come in?",
    "Has a person appeared?",
    "Did a person arrive?",
    "Is somebody new here?",
)
STRANGE = (
    *("cat", "horse", "cow", "boat", "plane", "train", "elephant", "ladder", "piano", "bird"),
    *("tractor", "forklift", "bus", "truck", "lion", "tent", "phone", "ball", "umbrella", "chair"),
    *("helmet", "vest", "table", "sheep", "fox", "motorcycle", "hose", "key", "bottle", "pallet"),
)

DOOR_STATE = (
    *("Is the door open, closed or ajar?", "How is the door?", "What is the state of the door?"),
    *("Is the door open or closed?", "How does the door stand?", "What about the door?"),
)
CAR_COLOUR = (
    *("What colour is the car?", "What is the colour of the car?", "Which colour has the car?"),
    *("What color is the car?", "Of which colour is the vehicle?", "Colour of the car?"),
)
COAT_COLOUR = (
    *("What colour is the person's coat?", "Which colour does the person wear?"),
    *(
        "What colour is the coat?",
        "What color is the jacket?",
        "In which colour is the person dressed?",
    ),
)
PARCEL_PLACE = (
    *("Where is the parcel?", "Where does the parcel lie?", "Where is the package?"),
    *("Where can the parcel be seen?", "Where has the parcel been put?"),
)
PERSON_PLACE = ("Where is the person?", "Where does the person stand?", "Where is somebody?")
CAR_PLACE = ("Where is the car?", "Where does the car stand?", "Where is the vehicle parked?")
DAY_OR_NIGHT = (
    *("Is it day or night?", "What time of day is it?", "When was the picture taken?"),
    "Is it light or dark?",
)
PERSON_DOING = (
    *("What is the person doing?", "What does the person do?", "How does the person move?"),
    "What is somebody doing?",
)
WHICH_THING = (
    *("What is in the picture?", "What can be seen?", "What do you see?", "Which thing is there?"),
    *("What is visible?", "What is it?"),
)

HOW_MANY = (
    *("How many {s} are there?", "How many {s} can you see?", "How many {s} are in the picture?"),
    *("Count the {s}.", "How many {s} are visible?", "Number of {s}?", "How many {s} do you see?"),
)
CROWDED = (
    *("How crowded is it?", "How crowded is the place?", "How many people are around, as a grade?"),
    *("How busy is the yard?", "Rate how crowded it is."),
)
DANGER = (
    *("How dangerous does it look?", "How great is the danger of fire?", "Rate the danger."),
    "How bad is the fire?",
)

READ_ANY = (
    *("What does the text say?", "Read the text.", "What is written there?", "What can be read?"),
    *("Which text can you read?", "Read the writing."),
)
READ_ON: dict[str, tuple[str, ...]] = {
    "sign": ("What does the sign say?", "Read the sign.", "What is written on the sign?"),
    "house": ("What is the house number?", "Which number has the house?", "Read the house number."),
    "parcel": (
        *("What is printed on the parcel?", "What does the label say?", "Read the label."),
        "What is written on the package?",
    ),
}
DESCRIBE = (
    *("What is happening?", "What can be seen in the picture?", "Describe the picture."),
    *("What is going on?", "Describe what you see in one sentence.", "What do you see?"),
    *("What is in the picture?", "What happens here?", "Describe the scene.", "What is there?"),
)
