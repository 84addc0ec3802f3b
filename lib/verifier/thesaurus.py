"""Tables of the words of action labels and captions: which may say the same, which exclude each other.

"|" parts families; "_" joins the words of a phrase, which may have others in between ("throw_away": "throws
it away"). Read by words.py, families.py and contradictions.py.
"""

# Verbs, each family of one meaning; two listed verbs of no family in common are two actions. A verb not
# listed excludes nothing.
VERBS = """
give hand pass deliver bring present|give offer|pass kick|pass throw|send post mail|
grab take get pick_up pick seize grasp fetch catch collect|lift raise hoist pick_up|
lower put_down set_down|raise put_up hold_up|rise go_up increase climb get_warmer get_hotter|
fall go_down decrease drop sink get_colder get_cooler|sink go_under|return give_back bring_back put_back|
hold carry keep hold_on grip clutch have grasp|carry bring take transport move haul|release let_go drop|
drop let_fall fall|drop throw|put place set lay put_down position|
insert put_in put_into place_in stick_into slide_in plug_in go_in push_in fit load go_into|
pour put_in put_into go_in go_into|
attach mount fix install screw fasten join connect fit put_on attach_to hang|
put_on wear don have_on dress|
remove take take_off take_out take_away pull_out pull_off extract detach unscrew get_out get_rid lift_out
draw_out withdraw clear strip cut_out excise resect|take_off undress doff|
take_off depart lift_off leave_ground|throw toss hurl fling cast pitch lob chuck bowl|
discard throw_away throw_out dump dispose bin toss throw_in_bin throw_in_trash throw_in_garbage get_rid
throw|reject refuse decline turn_down|accept agree|
eat bite chew consume swallow taste munch devour nibble snack gobble|eat graze|eat lunch dine|
drink sip gulp swallow swig|taste try sample sip|feed give_food nurse|starve|cook prepare make|
cook fry saute|cook boil simmer|cook grill roast barbecue|cook bake|cook steam|bake make|melt thaw|freeze|
season salt spice pepper flavor|peel take_skin remove_skin|peel skin|knead|grate shred|mash crush|
spread smear|crack break|build make construct assemble create erect put_together set_up|write draw make|
destroy smash wreck demolish ruin trample break crush knock tear_down pull_down|
dismantle take_apart disassemble|repair fix mend restore|sew stitch suture close|
break shatter crack smash snap burst|burst pop explode|tear rip shred|paint coat draw color|
sand grind polish smooth|varnish coat lacquer|chase follow pursue run_after go_after|
follow trail track walk_behind go_after tail|pet stroke pat caress|groom brush comb|shave trim cut|
shave remove|examine inspect check look test assess palpate|measure take|weigh|bandage wrap dress|
tie knot fasten bind|untie undo loosen|tighten screw|cut slice chop dice trim carve saw mince|
cut divide incise dissect transect sever|trim clip shear|cut trim|mow cut|cut_down fell|
wash rinse clean scrub wipe mop|sweep clean brush|vacuum clean hoover|brush clean|soak wet|
dry wipe blow_dry|dust wipe clean|write sign note jot|write type|type|erase wipe rub_out delete|read|
study read learn|learn|teach instruct explain show|catch grab intercept trap|
hit strike crash collide bump knock punch smash slap beat ram|hammer hit strike|kick shoot hit|shoot fire|
shoot score|block stop save deny keep_out parry|score net goal put_in_net|
win beat come_first finish_first triumph|lose defeat|push press shove|push_aside move|
pull drag tow tug haul|pull_up|climb ascend scale go_up mount|descend climb_down come_down go_down|
jump leap hop bounce vault spring|skip hop|clear jump leap pass_over jump_over leap_over hop_over|
run sprint jog race dash|walk stroll march hike step pace|crawl creep|limp walk|sneak creep|
go walk run drive ride move head travel|come arrive approach get_to reach go_to show_up turn_up|
arrive reach get_to get make_it come|reach touch stretch|return come_back go_back|
flee run_away escape get_away run_off bolt|
leave go_away walk_away walk_off drive_away drive_off ride_away ride_off go depart exit walk_out go_out
set_off head_off get_out quit|
enter go_in go_into walk_in walk_into come_in step_in step_into get_in get_into drive_into drive_in
run_into climb_into board|board get_on mount|get_off dismount alight|cross go_across walk_across pass|
pass overtake go_past drive_past ride_past walk_past|stay remain wait keep stand|wait queue|
stand_up get_up rise stand get_to_feet|stand_up|sit sit_down take_seat be_seated|
lie lie_down rest recline|sleep nap doze doze_off nod_off fall_asleep drift_off snooze|
wake wake_up get_up|rest relax|kneel|bend lean bow bend_down|stoop crouch squat|dance perform|
perform play show|sing perform|play strum|play have_fun|play practice|act perform|
pretend fake act feign mime|fall drop tumble slip collapse topple fall_over fall_down|trip stumble|
sink go_under go_down submerge|float|drown|open unlock|open unscrew|open uncover|close shut|lock|unlock|
buy purchase pay get|sell|pay|borrow|steal rob take snatch|pour fill|pour add|pour spill|spill|
empty pour_out drain|fill fill_up top_up load|stir mix blend whisk beat combine|shake|
add put put_in put_into mix pour sprinkle go_in go_into|sprinkle scatter|kiss|hug embrace cuddle|
wave greet|greet welcome salute|greet say_hello|point aim|nod|clap applaud|swim|dive jump plunge|surf|
sail|row paddle|ride pedal cycle|drive steer|park pull_over|lead guide show|help assist aid support|
hinder hamper|fold|unfold|iron press|sharpen grind|weld solder join|drill bore|screw|laugh giggle chuckle|
smile grin|cry weep sob|shout yell scream call|whisper speak_quietly murmur|talk speak chat converse|
say tell state|tell inform|ask question|answer reply respond|call phone ring dial telephone|dial|hang_up|
argue quarrel|fight|watch look observe view see|look glance stare gaze|look see|search look_for seek hunt|
find discover locate|hide conceal|show reveal display present|listen hear check examine|smell sniff|
hear listen|cover|uncover|wrap pack|unwrap unpack open|pack|load|unload|
start begin launch get_going kick_off turn_on switch_on ignite fire_up|
stop halt end cease come_to_stop come_to_halt quit brake|brake slow slow_down reduce_speed decelerate|
accelerate speed_up|turn_on switch_on light put_on power_on flip_on|
turn_off switch_off power_off shut_off put_out cut|light ignite kindle|extinguish put_out blow_out douse|
continue keep go_on carry_on|finish complete end conclude|give_up quit abandon drop_out stop|
turn rotate spin twist swivel|turn_around|turn steer swerve veer|flip turn_over somersault|roll|swing|
slide glide slip|slip slide lose_footing lose_balance skid|skate glide|ski|
replace swap change exchange switch|change alter|inflate pump_up blow_up pump|deflate let_air_out|
plant sow|plant put|water irrigate hose spray|pick harvest pluck gather|dig shovel excavate|bury|rake|
milk|shear|clip clamp|clamp grasp|cauterize coagulate burn|inject|irrigate flush rinse|
suction aspirate suck|retract pull_back|ligate tie|bleed|burn|leave leave_behind forget|
take_out get_out grab get take|leave step_out step_off climb_out get_out walk_out|
dissect separate free detach|brake hit_brake step_on_brake|brake stop|break_up leave end separate|
make_up reconcile|cheat copy|slam bang close shut|flip toss throw turn_over|drift float fly sail glide|
fly soar|form shape mold model|measure take check test|take_peel peel remove_peel|
approach near get_closer come_closer move_closer move_towards move_toward come_towards walk_up|
die_down weaken subside ease|walk_over cross|born|make_up|tune|expose reveal|operate|count|equalize|bore|
thrill excite|roll_up|unroll|seal close stick|split chop cut|apply put_on spread|open turn_on|
close turn_off|take_lead go_ahead lead|fall_behind|send_off dismiss|substitute replace bring_on take_off|
boil overflow|overflow spill|poke prod|pinch|tickle|bow|knit crochet|weave|sew mend|trim prune cut|
harvest reap mow|chop_down fell cut_down|paddle row|steer navigate|dock moor land|
land touch_down come_down|hover|skip|stab pierce|pierce puncture|prick|squeeze press wring|twist wring|
pass_out faint|recover|heal cure treat|treat|vote|sign|stamp|print|copy|scan|click tap|swipe|plug|charge|
cool chill|heat warm warm_up|stretch|exercise train work_out|lift_weights|box punch fight|wrestle grapple|
fence|bowl|putt|pitch throw|bat hit|volley|lob|header|head|pass|clear|foul|tackle challenge|offside|
study learn read|work|live|sleep|play|study|spray squirt|rub massage|massage|stroke|shampoo wash|
apply_makeup make_up|comb|braid plait|shine polish|set_table lay_table|clear_table|dust|hoover|light_up|
smoke|arrive pull_into pull_in come_in|say repeat utter pronounce|teach show demonstrate|
pick_out choose select|wave signal gesture|signal sign indicate blink|spin twirl rotate whirl|
rub scrub wipe|touch tap pat feel|press click|give_way yield|fasten buckle button zip close|
unbuckle unfasten undo open|support hold|stretch extend|bend fold|compete race run|
practice train rehearse|announce declare|mark draw|glue stick attach tape|swap trade|peek look peer|
observe examine inspect study|approach walk_to go_to come_to run_to|reach go_to climb_to|get fetch bring|
lose drop|collect gather pick pick_up|scatter spread strew|wipe remove|wipe_off remove erase clean|
clear clean|brush_off remove clean|pass play cross|crash smash|strike tap|boo jeer heckle|honor salute|
escort accompany lead walk|accompany go_with|drag carry|unpack take_out|pack put_in|empty remove|
sweep brush remove collect|scoop ladle spoon dig|dip dunk soak|drizzle pour|garnish decorate|
decorate adorn|saute brown|toast roast brown|marinate soak|chill cool freeze|stir_in add mix|
fold_in mix add|serve give bring|set put|strike light|switch change turn|steer drive|
reverse back_up drive_back|shift change|crash run_into drive_into hit|hit run_over|park stop|
let_pass wait yield|pull_out leave|skid slide slip|tip_over overturn topple fall capsize|capsize sink|
incise cut open|stop_bleeding coagulate|grasp hold grab|place apply|tie_off ligate|aspirate withdraw|
expose uncover|approximate close|irrigate wash|check palpate|prick sting inject|anesthetize numb|
lie_down rest sleep|go_to_bed lie_down|get_dressed dress|strip undress take_off|put_away store tidy|
tidy clean clean_up|clean_up clear|sort separate|win beat defeat|equalize score draw|concede lose|
substitute change|cheer applaud clap|cheer shout|protest argue complain|complain moan|discuss talk argue|
explain tell describe|describe tell|read_out read recite|sing hum|whistle blow_whistle|blow sound|
play_guitar strum|dance waltz|film record shoot|watch film_movie look|stare look_at watch|
look_at watch see inspect|wrestle fight|box fight|hold_hand|shake_hand greet|hit_back return|
jump_off leave|jump_into dive enter|fall_into drop_into|stumble fall|land fall|crawl climb|wade walk|
march parade|comfort console soothe calm|drink lap_up lick|join merge enter|bounce rebound spring|
crash fall|load lift|drain pour strain|fear scare frighten afraid|honk sound_horn blow_horn beep toot|
arrest seize capture detain|sneeze|cough|yawn|stumble trip|bark|meow|roar howl growl|scratch|lick|hatch|
praise compliment commend|scold tell_off criticize|ignore|celebrate cheer|concede let_in|come_in let_in|
emerge appear come_out turn_up|miss|save rescue|attack assault|defend|threaten|threaten aim point|salute|
like enjoy love|dislike hate|want wish|wish hope|need require|know|understand get|forget|remember recall|
think believe|meet encounter|visit see|live reside|marry wed|invite|thank|apologize|float swim|grow|
shrink|dribble|serve|tackle|receive get|get_through pass|fail flunk|type key|film record|
photograph take_photo take_picture shoot snap|hang|spin|juggle|balance|stack pile|arrange sort order|
move shift carry|knock tap|ring|honk
"""

# More verbs and phrases of one meaning, which exclude nothing: many of them have other meanings too
MORE_VERBS = """
adjust set regulate tune|dock moor tie_up|build put_up pitch erect set_up|take_down dismantle|
eat_grass graze eat|put_in_net score head kick shoot|reverse back_into back drive_back|
shovel clear remove|plow clear|sprinkle water|mop_up wipe|hose_down wash hose|iron_out iron|hang_up hang|
take_off remove undress|put_on don|zip_up zip close|lace tie|buckle_up fasten|strap fasten tie|
hook attach|pin attach|clip attach fasten|pour_into fill|scoop_out remove|squeeze_out press|
roll_out flatten|flatten press|slap hit|tap_on touch|nudge push|prod push|jab punch hit|juggle throw|
bounce dribble|dribble run|feint fake|pass_on hand|hand_over give|give_away give|lend_out lend|
pay_for buy|order buy request|request ask|beg ask|pray|bless|curse swear|promise swear|lie deceive|
deceive trick cheat|tease mock|mock ridicule laugh_at|insult offend|flatter praise|admire praise watch|
adore love|fear afraid|trust believe|doubt|guess suppose think|plan intend|decide choose|vote choose|
try_on wear|measure_out measure|weigh_out weigh|add_up count|calculate count|compare|check_in register|
check_out leave|sign_up register|log_in enter|sneak_in enter|break_in enter|move_in enter|move_out leave|
hatch born|give_birth born|bloom flower|wither dry|rot spoil|rust corrode|leak drip|drip trickle|
flow run stream|overflow flood|flood|evaporate dry|burn_down burn|catch_fire burn|explode blow_up|
blow_up inflate|collapse cave_in|clear_away remove|carry_away remove take_away|wash_away remove|
take_over replace|stand_in replace|fill_in replace|hand_in submit|submit deliver|turn_in submit|
turn_back return|come_home return|go_home return leave|set_sail leave|supervise watch|guard protect watch|
protect defend shield|shelter hide
"""

# Things, people and qualities by other names
NAMES = """
man guy gentleman male fellow|woman lady female|boy lad|girl lass|child toddler|baby infant|boy child|
girl child|father dad daddy|mother mom mum mommy|grandmother grandma granny|grandfather grandpa|
brother sibling|sister sibling|teacher instructor coach trainer tutor|student pupil learner|
doctor physician medic|doctor surgeon|cook chef|policeman cop officer police|goalkeeper keeper goalie|
striker forward attacker|team side|player footballer athlete sportsman midfielder|climber mountaineer|
athlete gymnast runner jumper|waiter server|customer guest client|cashier clerk|driver motorist|
rider cyclist biker|passenger people traveler|person signer man woman|pedestrian walker passer on_foot|
spectator fan crowd audience|worker laborer builder|mechanic technician|thief robber burglar|
friend buddy mate|boss manager|car vehicle auto|truck lorry|bus coach|taxi cab|plane aircraft jet|
boat ship vessel|bike cycle|tire tyre|tire wheel|engine motor|curb kerb|pavement sidewalk|
road street lane|highway motorway freeway|crossing crosswalk intersection junction|
intersection crossroads|gas petrol fuel|headlight light lamp|lamp light|light signal|house home building|
yard garden lawn|lawn grass|couch sofa settee|rug carpet|fridge refrigerator|stove cooker hob|pan skillet|
pot saucepan|bin trash garbage rubbish dustbin|tap faucet|sink basin|cupboard cabinet closet|
blackboard board chalkboard whiteboard|floor ground|ground field|bag sack|bag handbag purse|
box carton package|parcel package|cup mug|cup glass|glass tumbler|dish plate saucer bowl|
glasses spectacles goggles eyeglasses|jacket coat|sweater pullover jumper|trousers pants|
shoe sneaker boot|hat cap|clothes laundry garment clothing|shirt top|rope cord line string|stick rod pole|
stone rock|wood timber log|plank board|colander strainer sieve|picture photo image|picture painting|
film movie|letter mail|present gift|job work|money cash|phone mobile|computer laptop|lid cover cap top|
blade knife|gun pistol weapon|seat chair|stick club|ball football|net goal|shot strike kick|jar container|
cloth towel rag|razor shaver|curtain drape|scissors shears|forceps tweezers|stitch suture|vessel artery|
vessel vein|wound cut incision|skin abdomen|injection shot|medicine drug pill|belly stomach abdomen|
heart heartbeat|hunger hungry food|meal food dinner|soup broth|noodle pasta|beverage drink|steak meat|
veggie vegetable|corn maize|cookie biscuit|cake pastry|candy sweet|salt seasoning|top summit peak|
end finish|edge border|front ahead|beach shore seaside coast|forest woods wood|hill mountain slope|
river stream creek|sea ocean water|dog puppy hound|cat kitten|rabbit bunny|cow cattle|
table_tennis ping_pong|soccer football|contest competition match game race|match game|race run|
big large huge|big tall high|small little tiny|fast quick rapid|slow gradual|
happy pleased glad cheerful joyful delighted|sad unhappy|angry mad furious|tired exhausted sleepy|
afraid scared frightened|old elderly aged|young little|hungry want_food|thirsty|sick ill|
full packed crowded|wet soaked|hot warm|cold chilly cool|broken damaged|nice good great|pretty beautiful|
difficult hard|easy simple|quiet silent|quietly whisper|loud noisy|upside_down inverted|
stuck trapped caught jammed|ready prepared|correct right|meadow field pasture grassland|
space spot place slot|flat apartment home|storm thunderstorm|thunder thunderstorm|lightning thunderstorm|
sky air|ladder steps|staircase stairs|elevator lift|hallway corridor|balcony terrace porch|attic loft|
cellar basement|shop store|supermarket store shop|mall shop|market bazaar|restaurant diner|
cafe coffeehouse|bar pub|school class|university college|hospital clinic|church chapel|jail prison|
airport airfield|harbor port|platform station|bench seat|stool chair|armchair chair|mattress bed|
blanket quilt cover|pillow cushion|mirror glass|drawer compartment|shelf rack|backpack rucksack bag|
suitcase luggage baggage bag|wallet purse|umbrella parasol|ring jewelry|necklace jewelry|watch clock|
bracelet bangle|belt strap|scarf shawl|gown dress|skirt dress|suit outfit|uniform outfit|apron smock|
helmet hat|mask cover|boot shoe|sandal shoe|slipper shoe|jeans trousers|newspaper paper|magazine journal|
book novel|notebook journal|pen pencil|marker pen|crayon pencil|brush paintbrush|canvas painting|
portrait painting picture|statue sculpture|poster sign|billboard sign|map chart|flag banner|candle light|
torch flashlight light|lantern lamp|match lighter|bulb light|screw bolt|nut bolt|pipe tube hose|
wire cable cord|plug socket outlet|switch button|lever handle|knob handle|bucket pail|barrel cask|
basket hamper|crate box|tray plate|tub bathtub bath|shower bath|toilet lavatory restroom bathroom|
soap suds|shampoo soap|sponge cloth|broom brush|mop broom|lawnmower mower|shears clippers|spade shovel|
rake tool|hoe tool|wheelbarrow cart|cart trolley wagon|trailer wagon|tractor vehicle|van vehicle car|
minibus bus|ambulance vehicle|motorcycle motorbike|scooter moped|canoe kayak boat|raft boat|
yacht sailboat boat|ferry ship|helicopter chopper|bread loaf|toast bread|sandwich toast|bun roll bread|
butter margarine|jam jelly|egg omelette|omelette eggs|pancake crepe|pizza pie|pie tart|chips fries|
fries potato|sausage hotdog|ham bacon|beef steak|pork meat|chicken poultry|shrimp prawn|salad greens|
spinach greens|pepper chili|oil grease|flour powder|sugar sweetener|cream milk|juice drink|soda drink|
lemonade drink|alcohol liquor|wine alcohol|beer alcohol|mix mixture blend|batter dough mixture|
sauce gravy dressing|spice seasoning herb|goal score|point score|referee umpire|coach manager|
team squad crew side club|opponent rival adversary|teammate colleague partner|captain leader|
fan supporter|stadium arena|pitch field court|court field|track course|lap round|round set|half period|
halftime break|whistle signal|ball sphere|racket bat|puck disc|hurdle obstacle barrier|barrier fence|
bar crossbar|post goalpost|free_kick kick|penalty_kick penalty|corner_kick corner|header head|dunk slam|
basket hoop net|serve service|volley shot|somersault flip|cartwheel flip|handstand headstand|beam bar|
mat floor|springboard board|platform board|dive jump|surgeon doctor operator|nurse assistant|tissue flesh|
tumor lesion growth mass|polyp growth|organ viscera|gallbladder bladder|bowel intestine colon|duct vessel|
nerve fiber|bone skeleton|muscle tissue|blood bleeding hemorrhage|needle suture|thread suture|
scalpel knife blade|trocar port|camera endoscope scope laparoscope|gauze sponge swab|catheter tube|
drain tube|stent tube|mesh net|cautery electrocautery|hook cautery|bag pouch sac|
operation surgery procedure|incision cut opening|motorist driver|chauffeur driver|
biker motorcyclist cyclist|jogger runner|skater skateboarder|swimmer diver|sailor seaman|soldier troop|
farmer peasant|gardener landscaper|fisherman angler|hunter shooter|baker cook|butcher seller|
seller vendor merchant|vendor trader|buyer customer shopper|neighbor resident|tourist visitor traveler|
guest visitor|host owner|owner master|boyfriend partner|girlfriend partner|husband spouse|wife spouse|
couple pair|twins siblings|parents mother father|family relatives|group crowd|crowd people|youth teenager|
teenager teen adolescent|adult grownup|senior elderly|bride wife|groom husband|actor performer|
singer performer|musician performer player|guitarist musician guitar|pianist piano musician|
drummer drum musician|violinist violin musician|dancer performer|clown performer|magician performer|
painter artist|sculptor artist|photographer cameraman|author writer|journalist reporter|
presenter host anchor|speaker lecturer|ape monkey chimpanzee|bull ox cow|calf cow|lamb sheep|foal horse|
pony horse|mare horse|hen chicken|rooster chicken|duckling duck|rat mouse|bee insect wasp|
butterfly insect|spider insect|bug insect|worm caterpillar|shark fish|whale dolphin|seagull gull bird|
pigeon dove bird|eagle bird hawk|parrot bird|crow raven bird|paw foot|tail rear|beak mouth|wing arm|
fur hair|feather plume|jaw mouth|lip mouth|cheek face|forehead face head|palm hand|fist hand|finger hand|
thumb finger|wrist arm|elbow arm|shin leg|thigh leg|ankle foot|toe foot|heel foot|chest breast|back spine|
waist hip|neck throat|cheap inexpensive|expensive costly|strange odd weird|funny amusing humorous|
boring dull|bored uninterested|excited thrilled|surprised astonished amazed startled shocked|
nervous anxious|worried anxious concerned|proud pleased|ashamed embarrassed|confused puzzled|calm relaxed|
disappointed upset sad|upset sad angry|lonely alone|jealous envious|injured hurt wounded|dead deceased|
alive living|asleep sleeping|awake alert|drunk intoxicated|busy occupied|empty vacant bare|closed shut|
open ajar|clean spotless|dirty muddy filthy|bright light|dark dim|round circular|straight direct|
flat level|steep sloping|wide broad|narrow thin|smart clever intelligent|stupid silly foolish|
famous known|important essential|dangerous risky|safe secure|wrong incorrect|fast rapidly|
slowly gradually|suddenly abruptly|often frequently|sometimes occasionally|soon shortly|
immediately instantly|carefully cautiously|together jointly|alone solo|early ahead|late delayed|
foggy fog mist misty|rainy rain|snowy snow|sunny sun|windy wind|cloudy cloud overcast|stormy storm|
icy ice|frost ice|flood water|drought dry|breeze wind|gust wind|shower rain|drizzle rain|
temperature degree|heat warm|cold chill
"""

# Words of which one excludes the other, by domain
OPPOSITE_PAIRS = """
open close|push pull|grow shrink|increase decrease|same differ|give take|give receive|fast slow|
quickly slowly|enter leave|full empty|fill empty|fill drain|big small|happy sad|happy angry|
happy disappoint|glad sad|pleas disappoint|hot cold|warm cold|warm cool|hot cool|warmer colder|
hotter colder|wet dry|day night|stand sit|alive dead|visible hidden|score miss|score save|score concede|
score block|hit miss|catch miss|reach miss|save concede|save lose|block concede|add remove|put remove|
wear remove|apply remove|insert remove|insert extract|insert withdraw|start stop|start finish|start end|
begin stop|begin end|begin finish|turn stop|keep stop|continue stop|keep cease|continue cease|win lose|
win last|first last|catch drop|throw catch|buy sell|rise fall|rise sink|rise lower|raise lower|lift lower|
lift drop|lock unlock|wrap unwrap|fold unfold|tie untie|pack unpack|plug unplug|load unload|screw unscrew|
dress undress|attach detach|ascend descend|climb descend|succeed fail|pass fail|laugh cry|smile cry|
smile frown|clean dirty|clean soil|dark bright|near far|early late|earlier later|awake sleep|wake sleep|
pass stop|approach leave|approach flee|arrive leave|arrive depart|come leave|build destroy|build demolish|
build dismantle|create destroy|make destroy|assemble dismantle|assemble disassemble|attach remove|
mount remove|install remove|put take|place take|connect disconnect|appear vanish|lead follow|flee chase|
inflate deflate|cover uncover|zip unzip|button unbutton|bandage remove|pick drop|loosen tighten|
shorten lengthen|accelerate brake|accelerate decelerate|accelerate slow|bury dig|indoors outdoors|
indoors outside|outdoors inside|true false|all none|always never|often rarely|always sometimes|more less|
most least|many few|better worse|best worst|old young|older younger|oldest youngest|elder younger|old new|
taller shorter|tall short|long short|longer shorter|bigger smaller|larger smaller|heavy light|thick thin|
deep shallow|high low|higher lower|strong weak|hard soft|rough smooth|sharp blunt|sharp dull|
straight bent|straight curved|rich poor|cheap expensive|loud quiet|loudly quietly|noisy quiet|sour sweet|
raw cooked|ripe unripe|fresh stale|safe dangerous|easy difficult|possible impossible|correct wrong|
right wrong|good bad|well badly|well ill|healthy sick|busy idle|public private|guilty innocent|
male female|adult child|deaf hearing|deaf blind|yesterday tomorrow|yesterday today|today tomorrow|
past future|last next|ago later|morning evening|morning afternoon|afternoon night|summer winter|
spring autumn|sunrise sunset|north south|east west|northern southern|eastern western|upstairs downstairs|
sunny rain|sunny cloudy|sunny snow|rain snow|rainy dry|sunrise dusk|praise scold|praise criticize|
praise ignore|praise insult|reward punish|love hate|like hate|like dislike|hug push|kiss slap|
greet ignore|salute ignore|salute attack|help hinder|help attack|defend attack|accept reject|
accept refuse|agree refuse|agree disagree|remember forget|find lose|hide find|hide reveal|hide show|
borrow lend|teach learn|ask answer|send receive|import export|earn spend|allow forbid|allow prevent|
let prevent|float sink|swim drown|freeze melt|freeze boil|heat cool|ignite extinguish|light extinguish|
kindle extinguish|fry boil|sow harvest|plant harvest|plant uproot|shave grow|cut grow|whisper shout|
whisper yell|speak silent|offense defense|attacker defender|teammate opponent|home away|guest host|
offside onside|strike spare|serve return|overtake follow|overtake brake|park drive|front rear|clip unclip|
clamp release|hold release|hold drop|keep release|keep discard|grip release|grab release|suture cut|
open suture|open stitch|bleed clot|suction inject|inject withdraw|irrigate suction|artery vein|
proximal distal|anterior posterior|medial lateral|superior inferior|benign malignant|swallow spit|
inhale exhale|bend straighten|flex extend|expand contract|stretch relax|spread gather|mix separate|
combine separate|divide unite|join separate|above underneath|summit foot|top foot|end begin|calm nervous|
brave afraid|proud ashamed|bored excited|stay move|weaker stronger|hungry thirsty|over against|
against past|tired awake|hungry tired|hungry full|thirsty full|relax tense|angry calm|laugh weep|
cry smile|stay leave|steal give|gun knife|stay go|remain leave|steal return|steal buy|serve spill|
finish begin|cause stop|float dive
"""

# Verbs that tell one event from its two sides: the same with the roles exchanged, and another thing without
CONVERSE = """
drop fall|give receive|sell buy|lead follow|chase flee|lend borrow|teach learn|pass receive|send receive|
hand receive|hand get|give get
"""

# Sets of which one member excludes the others
EXCLUSIVE = """
red blue green yellow black white orange purple pink brown gray|0 1 2 3 4 5 6 7 8 9 10|
dog cat horse bird cow sheep elephant bear monkey rabbit goat pig lion tiger fish duck chicken puppy
kitten snake squirrel fox wolf deer mouse|first second third fourth fifth last|
monday tuesday wednesday thursday friday saturday sunday|
january february march april may june july august september october november december|
spring summer autumn winter|morning noon afternoon evening night|day week month year|
yesterday today tomorrow|north south east west|
kitchen bathroom bedroom garage garden street beach park forest office classroom gym|
car bus truck bike boat train plane motorbike|piano guitar drum violin flute trumpet saxophone cello harp|
hair beard mustache|pike tuck straight|teacher student|doctor nurse patient|
goalkeeper striker defender midfielder referee|on under behind beside next above|
table chair sofa bed floor shelf desk wall|
hand foot head knee arm leg ear eye nose mouth tooth hair thumb shoulder back|
mother father sister brother son daughter uncle aunt cousin grandmother grandfather wife husband|
gold silver bronze|sunny foggy cloudy windy stormy|milk water oil juice wine beer coffee tea vinegar|
knife spoon fork|hammer saw axe drill screwdriver wrench plier|
tennis badminton volleyball basketball football baseball hockey golf cricket rugby|
apple banana tomato potato onion carrot cucumber lemon pepper garlic cabbage|
shirt jacket hat shoe glove sock scarf|scissor forcep scalpel clamp needle sponge
"""

# Persons of one sex: "he" is not "she"
MALE = "he him his himself man guy boy gentleman father dad brother son uncle grandfather husband king lad"
FEMALE = "she her hers herself woman lady girl mother mom mum sister daughter aunt grandmother wife queen"
