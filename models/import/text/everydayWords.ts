/**
 * What photos show and ImageNet has no class for: people and what they do, places, weather, common things, kinds of
 * pictures. Each stands in “a photo of a {}.”, as CLIP's own class names do.
 */
export const everydayWords: readonly string[] = lines(`
  person | man | woman | boy | girl | child | baby | teenager | elderly person | couple | family | group of people | crowd
  man and a woman | group of children | selfie | face | smiling person | bride and groom | soldier | police officer | chef
  doctor | football player | tennis player | musician | dancer | cyclist | skateboarder | surfer | skier | snowboarder
  person walking | person running | person jumping | person sitting on a bench | person sitting on a couch
  person sleeping | person eating | person drinking | person cooking | person reading a book | person working on a laptop
  person talking on a phone | person taking a photo | person holding an umbrella | person playing a guitar
  person riding a bicycle | person riding a horse | person riding a motorcycle | person riding a skateboard
  person riding a wave | person skiing | person swimming | person climbing | person dancing | person flying a kite
  person throwing a frisbee | person playing baseball | person playing football | person playing tennis
  person playing basketball | person playing golf | person fishing | person painting | person giving a speech
  people at a party | people at a table | people in a meeting | people in a boat | people on a beach | people at a concert
  wedding | birthday party | parade | protest | concert | picnic | graduation | sports game | market | festival
  cat | kitten | dog | puppy | bird | horse | cow | sheep | goat | pig | chicken | duck | fish | elephant | giraffe | bear
  monkey | rabbit | mouse | squirrel | deer | butterfly | bee | insect | herd of animals | flock of birds | cat and a dog
  dog running | dog catching a frisbee | cat sleeping | bird on a branch | bird in flight | animal in the wild
  car | bicycle | motorcycle | bus | train | truck | airplane | helicopter | boat | ship | sailboat | taxi | tractor | tram
  traffic jam | parking lot | traffic sign | bench | fire hydrant | railway station | airport | harbour
  street | city street | city skyline | city at night | alley | road | highway | bridge | building | skyscraper | house
  village | tower | ruin | temple | cathedral | stairs | door | window | wall | fence | garden | park | playground | farm
  field | meadow | forest | tree | flower | rose | grass | leaf | mountain | hill | valley | desert | canyon | cave | river
  waterfall | lake | sea | ocean | wave | beach | island | sky | clouds | sunset | sunrise | rainbow | night sky | stars
  moon | snow | snowy street | rain | fog | storm | lightning | fire | smoke | autumn forest | swimming pool | stadium
  kitchen | bathroom | bedroom | living room | dining room | office | classroom | hospital | supermarket | shop | bar
  hotel room | hallway | garage | workshop | museum | gym | factory | stage
  table | chair | couch | bed | toilet | sink | mirror | lamp | clock | vase | book | pile of books | bookshelf | laptop
  keyboard | phone | television | camera | refrigerator | oven | microwave | bottle | cup | glass of wine | glass of beer
  cup of coffee | bowl | plate | knife and fork | scissors | toothbrush | bag | suitcase | umbrella | hat | pair of shoes
  pair of glasses | tie | dress | suit | toy | teddy bear | ball | kite | skateboard | surfboard | snowboard | skis
  tennis racket | baseball bat | frisbee | guitar | piano | balloon | candle | gift | flag | statue | fountain | coin | key
  plate of food | breakfast | sandwich | hamburger | hot dog | pizza | salad | soup | pasta | rice | noodles | sushi | steak
  bread | cheese | egg | cake | birthday cake | donut | cookie | chocolate | ice cream | fruit | apple | banana | orange
  tomato | carrot | broccoli | potato | bowl of fruit | vegetables | cup of tea | cocktail
  black and white picture | drawing | painting | cartoon | sketch | poster | logo | map | chart | diagram | screenshot
  page of text | handwriting | sign with text | book cover | pattern | texture | close-up | blurry picture | aerial view
  computer game | microscope image | X-ray | satellite image | galaxy | planet | rocket launch | astronaut
`);

function lines(text: string): string[] {
  return [...new Set(text.split(/[|\n]/u).map((word) => word.trim()))].filter((word) => word !== '');
}
