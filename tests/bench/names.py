"""Names for people who do not exist: lists of our own, each with the weight that makes common names common.

Forenames and the commonest surnames are ordinary words of everyday use; rarer surnames are put together from parts.
The weight of a name falls with its rank as in Britain, where one person in 80 has the commonest surname, one in 300 the
tenth, and some 20,000 surnames cover nearly everybody. Nobody's own name is drawn: forename and surname meet by chance.
"""

from __future__ import annotations

from itertools import accumulate


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _weights(count: int, shift: float, power: float) -> list[float]:
    """Cumulative weights by rank, for `random.choices`."""
    return list(accumulate(1 / (rank + shift) ** power for rank in range(1, count + 1)))


_MALE = _names("""
    James Daniel Jack Thomas Matthew Joshua David Michael Christopher Ryan Luke Samuel Adam Connor Jordan Benjamin
    Alexander William Joseph Andrew Robert Liam Callum John Nathan George Lewis Jamie Harry Paul Mark Stephen Kyle
    Aaron Oliver Charlie Lee Anthony Richard Kieran Ashley Jake Dylan Tyler Simon Ben Martin Darren Craig Gary Sean
    Peter Edward Max Owen Alex Jason Bradley Scott Kevin Charles Mason Ethan Toby Henry Leon Reece Marcus Carl Philip
    Nicholas Patrick Shaun Shane Wayne Ian Brandon Louis Jonathan Neil Dean Alan Rhys Archie Finley Logan Noah Stuart
    Graham Kenneth Trevor Dominic Elliot Harvey Riley Freddie Isaac Zachary Corey Damian Declan Gavin Glen Gareth
    Timothy Leo Keith Barry Colin Dale Dennis Derek Donald Douglas Duncan Edmund Eric Ernest Evan Felix Francis Frank
    Frederick Gerald Gordon Gregory Hugh Ivan Jeremy Jerome Joel Julian Kai Kane Karl Lawrence Leonard Malcolm Maurice
    Mitchell Morgan Neville Nigel Norman Raymond Reuben Roger Ronald Rory Ross Roy Rupert Russell Sebastian Sidney
    Spencer Stanley Sterling Stewart Terence Theo Tobias Tony Travis Tristan Troy Vernon Victor Vincent Walter Warren
""")
_FEMALE = _names("""
    Sarah Jessica Emma Rebecca Laura Charlotte Chloe Sophie Emily Lauren Hannah Amy Georgia Megan Olivia Lucy Bethany
    Katie Jade Natalie Samantha Gemma Leanne Danielle Stephanie Rachel Kelly Claire Nicola Lisa Victoria Michelle
    Jennifer Holly Abigail Grace Ellie Ella Molly Shannon Courtney Paige Amber Kirsty Natasha Hayley Kayleigh Stacey
    Louise Karen Tracy Julie Susan Elizabeth Catherine Alice Anna Zoe Melissa Joanne Donna Sharon Angela Jacqueline
    Helen Amanda Caroline Deborah Margaret Christine Patricia Linda Alison Mia Poppy Lily Ruby Evie Isabella Daisy
    Freya Phoebe Millie Lilly Summer Tia Ellen Eleanor Alexandra Kimberley Chelsea Jasmine Abbie Niamh Leah Aimee
    Sara Maria Marie Carly Cheryl Dawn Debra Denise Diane Elaine Fiona Gail Gillian Hazel Heather Heidi Imogen Ivy
    Jane Janet Jean Jemma Jill Joan Jodie Josephine Joy Judith June Kate Katherine Kathleen Kerry Kim Kylie Lara
    Lesley Libby Lorna Lorraine Lydia Lyndsey Mandy Martha Mary Matilda Maureen Maxine Naomi Nadine Nancy Nina Pamela
    Paula Pauline Penelope Philippa Rachael Robyn Rosie Ruth Sally Sandra Scarlett Sheila Shirley Sian Simone Sonia
    Susannah Suzanne Sylvia Tamsin Tanya Tara Teresa Theresa Tina Toni Valerie Vanessa Vera Wendy Yvonne Yasmin
""")
_OTHER_MALE = _names("""
    Mohammed Ali Ahmed Hassan Abdul Omar Ibrahim Yusuf Imran Bilal Hamza Usman Zain Tariq Khalid Rajesh Sanjay Arjun
    Rohan Vikram Harpreet Gurpreet Jaspal Kwame Kofi Emeka Chidi Tunde Tomasz Piotr Paweł Łukasz Jakub Michał Andrei
    Mihai Ștefan José Luís João Mehmet Emre Hüseyin Dawit Abdi Mustafa Idris Sami Nabil Rafael
""")
_OTHER_FEMALE = _names("""
    Fatima Aisha Zainab Maryam Khadija Amina Sana Hira Nadia Samira Priya Anjali Deepika Sunita Kavita Harpreet
    Simran Manpreet Abena Akua Ngozi Chioma Folake Agnieszka Katarzyna Małgorzata Zofia Anna Ioana Elena Mădălina María
    Inês Beatriz Ayşe Elif Zeynep Hodan Sahra Leyla Selam Hanan Rania Yara Nour Salma Noor Iqra Bushra Shabana
""")
_OTHER_SURNAMES = _names("""
    Khan Patel Begum Hussain Ahmed Ali Singh Kaur Akhtar Iqbal Malik Shah Mahmood Rahman Uddin Miah Chowdhury Bibi
    Sharma Gill Sandhu Dhillon Mensah Owusu Boateng Okafor Adeyemi Balogun Eze Nowak Kowalski Wiśniewska Wójcik
    Kamiński Zieliński Popescu Ionescu Dumitru Núñez García Fernandes Gonçalves Silva Yılmaz Öztürk Şahin Demir Hassan
    Mohamud Abdi Warsame Tesfaye Haddad Nasser Aziz Nguyễn Tran Chen Wong Müller
""")
_COMMON_SURNAMES = _names("""
    Smith Jones Williams Taylor Brown Davies Evans Thomas Wilson Roberts Johnson Robinson Wright Thompson Walker White
    Edwards Green Hall Wood Harris Hughes Lewis Martin Jackson Clarke Clark Turner Hill Cooper Morris Moore Ward Baker
    Harrison King Morgan Allen James Scott Phillips Watson Parker Price Bennett Young Griffiths Mitchell Kelly Cook
    Carter Richardson Bailey Collins Bell Shaw Murphy Miller Cox Marshall Simpson Anderson Adams Ellis Wilkinson
    Foster Rogers Hunt Mills Powell Gray Owen Chapman Webb Holmes Lloyd Palmer Mason Matthews Barnes Knight Butler
    Russell Stevens Barker Fisher Jenkins Dixon Fletcher Hunter Pearson Graham Reynolds Murray Gibson Howard Andrews
    Elliott Stewart Ford Reid Payne Fox Walsh Ryan Cole Lawrence West Day Brooks Atkinson Bradley Dawson Burton Hart
    Watts Gordon Rose Burns Pearce Wallace Rees Lane Grant Spencer Berry Perry Stone Gardner Hayes Crawford
    Harvey Booth Cunningham Nicholson Carr Armstrong Kennedy Barrett Arnold Lawson Woods Porter Francis Newman Hudson
    Ball Field Wells Warren Peters Bishop Hamilton Marsh Jordan Woodward Read Tucker Goodwin Nash Curtis Hopkins
    Freeman Sutton Lynch Cross Burgess Long Page O'Brien O'Connor O'Neill Byrne Doyle Quinn Gallagher Higgins Sharp
    French Parsons Potter Coleman Harding Hancock Bird Bates Sanders Osborne Moss Cartwright Sheppard Parry Frost
    Norris Baldwin Reeves Chambers Kemp Stephens Stephenson Dean Dunn Gilbert Griffin Hewitt Holland Howe Humphries
    Hutchinson Kirk Leach Lowe Manning May Middleton Nelson Nicholls Norman Oliver Park Patterson Poole Pritchard
    Pugh Randall Rhodes Riley Robson Rowe Saunders Savage Schofield Short Skinner Slater Steele Swift Sykes Talbot
    Thorpe Todd Townsend Tyler Vaughan Vincent Wade Walters Wheeler Whitehead Willis Winter Yates
""")
_HEADS = _names("""
    Ack Ald Alling Ash Bam Bar Beck Ben Birk Black Blen Brad Bram Brin Brock Brom Bur Calv Carl Chal Chat Clap Clif Cot
    Cran Craw Crom Dal Dar Den Dray Dun East Eck Eld Elm Far Fen Field Flax Gar Gaw Gold Good Gran Had Hal Ham Hard Has
    Hather Haw Hazel Hel Hol Hor Hum Ing Kel Ken Kil Lang Led Ling Lock Lud Mal Mar Mel Mor Nether New Nor Oak Ock Old
    Pen Pick Pres Rad Rams Raw Red Ring Rock Rush Sal Sed Shel Sher Sil Stan Stock Strat Sut Thack Thorn Tod Town Twi
    Wal War Way Weather Whit Wick Win Wool
""")
_MIDDLES = ("", "er", "ing", "en")
_TAILS = _names("""
    acre bank beck borough bourne bridge brook burn bury by caster cliffe combe cott croft dale den don dyke field fold
    ford garth gate grave ham hurst ington land ley low man mere more mouth ness row shaw side stead stock ston thorpe
    ton tree wade well wick wood worth
""")

_composed = [head + middle + tail for middle in _MIDDLES for tail in _TAILS for head in _HEADS]
# A stride prime to the list's length mixes it, so that neighbours in rank are not neighbours in spelling.
_mixed = [_composed[at * 7919 % len(_composed)] for at in range(len(_composed))]

SURNAMES = tuple(dict.fromkeys((*_COMMON_SURNAMES, *_mixed)))[:18_000]
SURNAME_WEIGHTS = _weights(len(SURNAMES), 0.6, 0.7)
OTHER_SURNAMES = _OTHER_SURNAMES
OTHER_SURNAME_WEIGHTS = _weights(len(_OTHER_SURNAMES), 2, 0.8)
FORENAMES = {"M": _MALE, "F": _FEMALE}
FORENAME_WEIGHTS = {sex: _weights(len(names), 12, 1) for sex, names in FORENAMES.items()}
OTHER_FORENAMES = {"M": _OTHER_MALE, "F": _OTHER_FEMALE}
OTHER_FORENAME_WEIGHTS = {sex: _weights(len(names), 5, 1) for sex, names in OTHER_FORENAMES.items()}

SHORT = dict(
    pair.split("/")
    for pair in _names("""
    James/Jim Daniel/Danny Thomas/Tom Matthew/Matt Joshua/Josh David/Dave Michael/Mick Christopher/Chris Samuel/Sam
    Benjamin/Ben Alexander/Alex William/Billy Joseph/Joe Andrew/Andy Robert/Bob Nathan/Nath Jamie/Jay Stephen/Steve
    Anthony/Tony Richard/Rick Bradley/Brad Edward/Ted Charles/Charlie Philip/Phil Nicholas/Nick Patrick/Paddy
    Jonathan/Jon Frederick/Freddie Zachary/Zak Timothy/Tim Gregory/Greg Kenneth/Ken Leonard/Len Lawrence/Larry
    Ronald/Ron Raymond/Ray Terence/Terry Francis/Frank Gerald/Gerry Vincent/Vince Walter/Wally Sebastian/Seb
    Mitchell/Mitch Dominic/Dom Stuart/Stu Douglas/Doug Donald/Don Jeremy/Jez Derek/Del Harvey/Harv Reuben/Ben
    Mohammed/Mo Abdul/Abs Tomasz/Tomek Jakub/Kuba Rafael/Rafa
    Jessica/Jess Rebecca/Becky Charlotte/Lottie Emily/Em Hannah/Han Georgia/Georgie Megan/Meg Olivia/Liv Bethany/Beth
    Natalie/Nat Samantha/Sam Danielle/Dani Stephanie/Steph Rachel/Rach Nicola/Nicky Victoria/Vicky Michelle/Shell
    Jennifer/Jenny Abigail/Abi Kirsty/Kirst Natasha/Tasha Kayleigh/Kay Louise/Lou Susan/Sue Elizabeth/Liz
    Catherine/Cathy Joanne/Jo Jacqueline/Jackie Amanda/Mandy Caroline/Caz Deborah/Debbie Margaret/Maggie
    Christine/Chrissie Patricia/Pat Alison/Ali Isabella/Bella Eleanor/Ellie Alexandra/Alex Kimberley/Kim Jasmine/Jaz
    Katherine/Kathy Josephine/Josie Judith/Judy Kathleen/Kath Matilda/Tilly Pamela/Pam Penelope/Penny Philippa/Pip
    Theresa/Terri Teresa/Terri Valerie/Val Susannah/Suzy Suzanne/Suzy Sandra/Sandy Gillian/Gill Maxine/Max
    Katarzyna/Kasia Agnieszka/Aga Małgorzata/Gosia Fatima/Fati
    """)
)
"""A forename and the short form in everyday use."""

SPELT = dict(
    pair.split("/")
    for pair in _names("""
    Stephen/Steven Sean/Shaun Shaun/Sean Connor/Conor Jake/Jaik Callum/Calum Stuart/Stewart Stewart/Stuart
    Philip/Phillip Elliot/Elliott Geoffrey/Jeffrey Alan/Allan Nicholas/Nicolas Reece/Rhys Rhys/Reece Carl/Karl
    Karl/Carl Aaron/Arron Lewis/Louis Louis/Lewis Ashley/Ashleigh Kieran/Kieron Mohammed/Muhammad Ahmed/Ahmad
    Yusuf/Yousuf Hassan/Hasan Usman/Osman Omar/Umar Hussain/Hussein
    Sarah/Sara Sara/Sarah Rebecca/Rebekah Sophie/Sofie Katie/Katy Catherine/Katherine Katherine/Catherine
    Rachel/Rachael Rachael/Rachel Claire/Clare Nicola/Nichola Kelly/Kellie Lauren/Lauryn Kayleigh/Kayley
    Hayley/Hailey Stacey/Stacy Tracy/Tracey Aimee/Amy Leah/Lea Abbie/Abby Lilly/Lily Lily/Lilly Jodie/Jody
    Zoe/Zoey Kerry/Kerrie Teresa/Theresa Theresa/Teresa Fatima/Fatema Aisha/Ayesha Maryam/Mariam Zainab/Zaynab
    """)
)
"""A forename and another spelling that sounds the same."""
