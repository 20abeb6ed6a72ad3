"""Which ImageNet classes a word of a caption stands for.

Only words that a photo's main object can be; where ImageNet has no such class (giraffe, skateboard, wave) there is no entry.
The numbers are lines of class_names.txt, counted from 0; ranges include both ends.
"""

from pathlib import Path

NAMES = Path(__file__).with_name("class_names.txt").read_text(encoding="utf-8").splitlines()

_TABLE = """
cat kitten kitty: 281-285
dog puppy: 151-268
bird: 10-20 80 86 94-96 136 139-142
duck: 97 98
goose: 99
swan: 100
seagull gull: 146 139
owl: 24
eagle hawk: 22 23
chicken rooster: 7 8
parrot: 87-90
flamingo: 130
penguin: 145
fish: 0 1 389-397
shark: 2-4
turtle: 33-37
snake: 52-68
lizard: 40-48
frog: 30-32
spider: 72-77
butterfly: 321-326
bee: 309
horse pony: 339 603
cow bull cattle: 345 346 690
sheep lamb: 348 349
goat: 348-350
pig: 341 342
zebra: 340
elephant: 101 385 386
bear: 294-297
panda: 387 388
lion: 291
tiger: 292
leopard: 288 289
wolf: 269-272
fox: 277-280
deer antelope: 351-353
camel: 354
rabbit bunny: 330-332
squirrel: 335
monkey: 370-382
kangaroo: 104
hamster: 333 338
teddy: 850
train locomotive: 466 547 820 705 565
tram trolley: 829 874
airplane plane jet airliner: 404 895
bus: 779 654 874
truck: 717 867 864 569 555
ambulance: 407
firetruck: 555
taxi cab: 468
car: 436 511 817 479 656 627 468
racecar: 751
jeep: 609
van: 656 654 734
motorcycle motorbike scooter moped: 665 670
bicycle bike: 671 444
tricycle: 870
tractor: 866 595
boat ship: 814 484 576 625 628 871 780 510 554
sailboat: 914 780 871 484
canoe kayak: 472 693
bench: 703
umbrella: 879
clock: 892 409 530
watch: 531
toilet: 861
bathroom: 861 896 435 794 999
bathtub tub: 435 876
sink: 896
kitchen: 827 651 534 760 567 550 495
stove oven: 827 651 766
microwave: 651
refrigerator fridge: 760
bed bedroom: 564 831 750 721
couch sofa: 831
crib: 520
desk: 526 527
laptop: 620 681
computer: 527 664 508 620 681
monitor: 664 782
keyboard: 508 878
mouse: 673
phone cellphone: 487 528
television tv: 851 782 548
remote: 761
camera: 732 759
vase: 883
table: 532
chair: 559 423 765
bookshelf bookcase: 453
pizza: 963
sandwich: 933
burger hamburger cheeseburger: 933
hotdog: 934
broccoli: 937
cauliflower: 938
banana bananas: 954
orange oranges: 950
apple apples: 948
lemon lemons: 951
strawberries strawberry: 949
pineapple: 953
cake dessert: 927 960 961
plate: 923 925 959 962
bowl: 809 659 925
cup coffee: 504 967 968 505
wine: 907 966 572
beer: 440 441
soup: 925 926 809
bread bagel: 930 931
doughnut donut donuts doughnuts: 931
guacamole: 924
vegetables: 936-939 943 945
fruit: 948-957
stoplight: 920
sign: 919
parking: 704
hydrant: 640 635
mailbox: 635
church: 497
tower: 900 437
castle: 483 698
bridge: 821 839 888
fountain: 562
lighthouse: 437
barn: 425
fence: 716 489 912
guitar: 402 546
piano: 579 881
violin: 889
drum drums: 541 822
trumpet: 513
saxophone: 776
suitcase luggage: 414 636
backpack: 414
purse: 748 636
tie: 906 457
scissors: 473
book books: 453 454 624 921
tennis: 752 852
baseball: 981 429
basketball: 430
football: 560 768
soccer: 805
volleyball: 890
golf: 574 575
skis skiing skier: 795
snowmobile: 802
sled sledding: 537 450
tent: 672
flower flowers: 985 986 883
mountain mountains: 970 979
beach ocean: 978 977 976
lake: 975
cliff: 972 976
valley: 979
bubbles bubble: 971
pillow: 721
swing: 843
balloon balloons: 417
parachute: 701
wheelchair: 870 559
"""


def _numbers(spans):
    for span in spans.split():
        first, _, last = span.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _forms(word):
    return {word, word + "s"}


CLASSES = {
    form: list(_numbers(spans))
    for line in _TABLE.strip().splitlines()
    for words, spans in [line.split(":")]
    for word in words.split()
    for form in _forms(word)
}
