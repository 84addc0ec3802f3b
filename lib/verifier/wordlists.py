"""The word lists of the verifier: data, parted by "|" and spaces. What each gains is measured on answers that
it was not written with (README.md of this folder).
"""

# Words that a name may be said without
OPTIONAL_WORDS = """
a an the some his her their its my your our this that these those of is are be on in at to with into
onto from for by and or something someone somewhere it them
"""
# Spellings and abbreviations of one word; the first is the one that counts
SPELLINGS = """
gray grey|color colour colours colored coloured|somersault som soms|entry enter|person people|
bike bicycle bicycles|motorbike motorcycle motorcycles|tv television televisions|
phone smartphone cellphone telephone|fridge refrigerator|picture photo photos photograph photographs|
plane airplane aeroplane|armstand arm|left leftward leftwards|right rightward rightwards|up upward upwards|
down downward downwards|counterclockwise anticlockwise|golden gold|wood wooden|wool woolen woollen|
snow snowy|skis ski|all every each|big large
"""
# Particles and directions of which one denies an action that the other asserts
PARTICLES = """
up down|on off|onto off|in out|into out|left right|over under|above below|forward backward|
with without|before after|inside outside|front behind|top bottom|clockwise counterclockwise
"""
# Verbs and qualities of which one denies the others
OPPOSITE_WORDS = """
open close|open shut|push pull|grow shrink|increase decrease|same different|give take|fast slow|
quickly slowly|enter leave|full empty|fill empty|big small|large small|happy sad|hot cold|warm cold|wet dry|
stand sit|hit miss|catch miss|catch drop|throw catch|add remove|put remove|put take|wear remove|insert remove|
insert take|attach remove|attach detach|install remove|start stop|begin stop|begin end|start end|win lose|
first last|rise fall|raise lower|lift lower|succeed fail|laugh cry|smile frown|clean dirty|dark bright|
early late|awake asleep|
approach leave|arrive leave|come leave|build destroy|assemble dismantle|appear vanish|appear disappear|
pick drop|loosen tighten|accelerate brake|indoors outdoors|inside outdoors|all none|always never|more less|
many few|better worse|best worst|old young|old new|tall short|long short|heavy light|high low|strong weak|
hard soft|accept reject|accept refuse|find lose|hide show|float sink|alone together|take return|
buy sell|true false|boy girl|man woman|father mother|male female|teammate opponent|day night|
red green blue yellow orange purple pink brown black white gray
"""
# Said before a word that is not asserted: a possibility, or what did not quite happen
HEDGE_WORDS = """
might may could maybe perhaps possibly either whether unsure unclear uncertain resembles candidate candidates
"""
UNREAL_WORDS = "pretend fake feign mime almost"
