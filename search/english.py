"""English words: those that are too frequent to search by, and irregular forms."""

from __future__ import annotations

_STOP_WORDS = (
    "a an and are as at be but by for if in into is it no not of on or s such t that the their"
    " then there these they this to was will with"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that are too frequent to search by: Lucene's list, and the endings of ``Ana's``, ``don't``.

They are not stemmed, do not score, and no document must have them; phrases find them.
"""

_STEMMED_DIFFERENTLY = (
    "anesthesiologist anesthesiologists anthropologist anthropologists apologist apologists"
    " archaeologist archaeologists archeologist archeologists astrologist audiologist audiologists"
    " bacteriologist biologist biologists cardiologist cardiologists climatologist climatologists"
    " cosmetologist cosmologist cosmologists criminologist criminologists dermatologist"
    " dermatologists ecologist ecologists egyptologist egyptologists emergence emergencies"
    " emergency emergent endocrinologist endocrinologists entomologist entomologists"
    " epidemiologist epidemiologists ethnologist ethnologists evening evenings gastroenterologist"
    " gastroenterologists genealogist genealogists geologist geologists gerontologist glaciologist"
    " gynaecologist gynaecologists gynecologist gynecologists hematologist herpetologist"
    " hydrologist hydrologists immunologist immunologists intercity interfered interfering"
    " interment interments internal internalization internalize internalized internalizing"
    " internally internals internation international internationalism internationally"
    " internationals internment interscience interstate interstates interval intervals lateral"
    " lateralization laterally laterals meteorologist meteorologists microbiologist"
    " microbiologists mineralogist mineralogists mixologist mixologists musicologist musicologists"
    " mycologist nephrologist neurobiologist neurologist neurologists neuropsychologist oncologist"
    " oncologists ophthalmologist ophthalmologists organic organically organics organism organisms"
    " organization organizations organize organized organizer organizers organizes organizing"
    " ornithologist ornithologists otolaryngologist palaeontologist palaeontologists"
    " paleontologist paleontologists paste pasted pastes pasting pathologist pathologists"
    " pharmacologist pharmacologists philologist philologists physiologist physiologists"
    " primatologist proctologist psychologist psychologists pulmonologist radiologist radiologists"
    " rheumatologist scientologist scientologists seismologist seismologists sexologist"
    " sexologists sociologist sociologists technologist technologists toxicologist toxicologists"
    " universal universalism universality universally universals universities university urologist"
    " urologists virologist virologists volcanologist vying zoologist zoologists"
)
STEMMED_DIFFERENTLY = tuple(_STEMMED_DIFFERENTLY.split())
"""Words that Snowball 3 stems differently from earlier versions, such as ``university``.

Their stems are listed in the analysis of an engine with an older Snowball. The list comes from
comparing both on 157,000 words.
"""

IRREGULAR = (
    "man men; woman women; child children; foot feet; tooth teeth; goose geese; mouse mice; "
    "louse lice; ox oxen; person people; brother brethren; die dice; penny pence; leaf leaves; "
    "wife wives; life lives; knife knives; wolf wolves; half halves; shelf shelves; loaf "
    "loaves; thief thieves; calf calves; elf elves; scarf scarves; hoof hooves; dwarf dwarves; "
    "sheaf sheaves; wharf wharves; self selves; gentleman gentlemen; chairman chairmen; "
    "chairwoman chairwomen; congressman congressmen; congresswoman congresswomen; policeman "
    "policemen; policewoman policewomen; fireman firemen; fisherman fishermen; salesman "
    "salesmen; saleswoman saleswomen; spokesman spokesmen; spokeswoman spokeswomen; workman "
    "workmen; seaman seamen; statesman statesmen; sportsman sportsmen; sportswoman sportswomen; "
    "businessman businessmen; businesswoman businesswomen; clergyman clergymen; craftsman "
    "craftsmen; foreman foremen; frenchman frenchmen; englishman englishmen; irishman irishmen; "
    "scotsman scotsmen; welshman welshmen; dutchman dutchmen; freshman freshmen; gunman gunmen; "
    "horseman horsemen; layman laymen; mailman mailmen; milkman milkmen; nobleman noblemen; "
    "serviceman servicemen; servicewoman servicewomen; tradesman tradesmen; alderman aldermen; "
    "assemblyman assemblymen; councilman councilmen; councilwoman councilwomen; doorman "
    "doormen; draftsman draftsmen; hangman hangmen; longshoreman longshoremen; marksman "
    "marksmen; midshipman midshipmen; oarsman oarsmen; patrolman patrolmen; postman postmen; "
    "snowman snowmen; watchman watchmen; yachtsman yachtsmen; grandchild grandchildren; "
    "stepchild stepchildren; schoolchild schoolchildren; godchild godchildren; housewife "
    "housewives; midwife midwives; analysis analyses; basis bases; crisis crises; thesis "
    "theses; hypothesis hypotheses; oasis oases; synthesis syntheses; diagnosis diagnoses; "
    "parenthesis parentheses; emphasis emphases; axis axes; ellipsis ellipses; prognosis "
    "prognoses; neurosis neuroses; psychosis psychoses; metamorphosis metamorphoses; paralysis "
    "paralyses; catharsis catharses; nemesis nemeses; synopsis synopses; antithesis antitheses; "
    "criterion criteria; phenomenon phenomena; automaton automata; polyhedron polyhedra; datum "
    "data; medium media; bacterium bacteria; curriculum curricula; memorandum memoranda; "
    "stratum strata; referendum referenda; millennium millennia; addendum addenda; erratum "
    "errata; ovum ova; spectrum spectra; symposium symposia; aquarium aquaria; stadium stadia; "
    "consortium consortia; moratorium moratoria; alumnus alumni; alumna alumnae; cactus cacti; "
    "fungus fungi; nucleus nuclei; radius radii; stimulus stimuli; syllabus syllabi; focus "
    "foci; locus loci; terminus termini; hippopotamus hippopotami; octopus octopi; genus "
    "genera; corpus corpora; opus opera; viscus viscera; index indices; matrix matrices; vertex "
    "vertices; appendix appendices; vortex vortices; apex apices; larva larvae; antenna "
    "antennae; formula formulae; nebula nebulae; vertebra vertebrae; alga algae; bureau "
    "bureaux; plateau plateaux; chateau chateaux; tableau tableaux; beau beaux; libretto "
    "libretti; graffito graffiti; virtuoso virtuosi; cherub cherubim; seraph seraphim; kibbutz "
    "kibbutzim; begin began begun; bite bit bitten; blow blew blown; break broke broken; bring "
    "brought; build built; buy bought; catch caught; choose chose chosen; cling clung; come "
    "came; creep crept; deal dealt; dig dug; do did done; draw drew drawn; dream dreamt; drink "
    "drank drunk; drive drove driven; eat ate eaten; feed fed; feel felt; fight fought; flee "
    "fled; fling flung; fly flew flown; forbid forbade forbidden; foresee foresaw foreseen; "
    "forget forgot forgotten; forgive forgave forgiven; forsake forsook forsaken; freeze froze "
    "frozen; get got gotten; give gave given; go went gone; grow grew grown; hang hung; hear "
    "heard; hide hid hidden; hold held; keep kept; kneel knelt; know knew known; lay laid; lead "
    "led; leap leapt; learn learnt; lend lent; lose lost; make made; mean meant; meet met; "
    "mislead misled; mistake mistook mistaken; overcome overcame; overtake overtook overtaken; "
    "overthrow overthrew overthrown; partake partook partaken; pay paid; prove proven; ride "
    "rode ridden; ring rang rung; run ran; say said; see saw seen; seek sought; sell sold; send "
    "sent; shake shook shaken; shine shone; shoot shot; show shown; shrink shrank shrunk; sing "
    "sang sung; sink sank sunk; sleep slept; slide slid; sling slung; speak spoke spoken; spend "
    "spent; spin spun; spring sprang sprung; stand stood; steal stole stolen; stick stuck; "
    "sting stung; stink stank; stride strode stridden; strike struck stricken; strive strove "
    "striven; swear swore sworn; sweep swept; swell swollen; swim swam swum; swing swung; take "
    "took taken; teach taught; tear tore torn; tell told; think thought; throw threw thrown; "
    "tread trod trodden; understand understood; undertake undertook undertaken; undergo "
    "underwent undergone; uphold upheld; wake woke woken; wear wore worn; weave wove woven; "
    "weep wept; win won; withdraw withdrew withdrawn; withhold withheld; withstand withstood; "
    "wring wrung; write wrote written"
)
"""Families of irregular forms, whose stems differ: nouns with their plurals, verbs with their past.

Forms that are mostly another word are left out, such as ``left``, ``rose``, ``found`` and ``fell``.
"""

HYPHENED = (
    "by-law by-line by-pass by-product by-road by-stander by-word in-door in-land in-line in-put "
    "in-take no-body no-where off-spring on-board on-going on-line on-look on-looker on-set "
    "on-shore on-stage to-day to-morrow to-night"
)
"""Words that begin with a stop word, and that are or were written with a hyphen as well."""

_GENERAL_WORDS = (
    "about above according across actually after again against all almost along already also "
    "although always among amongst another any anyone anything aren around away back became "
    "because become becomes been before began behind being below best better between beyond "
    "both called came can cannot come comes concerning could couldn did didn different do does "
    "doesn doing don done down during each early either else enough especially etc even ever "
    "every everyone everything example far few find first following found four from full "
    "further gave general get gets give given gives go goes going gone good got great had half "
    "has hasn have haven having he her here herself high him himself his how however i instead "
    "interested isn its itself just keep kind know known large last late later least less let "
    "like likely little ll long made mainly make makes making many may me means might mine more "
    "most much must my myself near nearly need needs neither never new next nobody none nor "
    "nothing now often old once one only onto or other others our ours out over own part "
    "particular perhaps place please possible put quite rather re really recent regarding right "
    "said same saw say says second see seem seemed seems seen several shall she should shouldn "
    "show shown shows since small some someone something sometimes still than themselves thing "
    "things those though three through thus time to together told too took toward towards two "
    "under until up upon us use used uses using usually various ve very want wasn way ways we "
    "well went were weren what whatever when where whether which while who whole whom whose why "
    "within without work would wouldn year years yes yet you your yours"
)
GENERAL_WORDS = frozenset(_GENERAL_WORDS.split())
"""Words of any subject, such as ``would`` and ``also``: a query is not about them."""
