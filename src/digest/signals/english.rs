//! Wordings of English, as regular expressions without regard to case.

pub const HOW_TO: &[&str] = &[
    r"\bhow (do|can|does|should|would|could|did) (i|we|you|one|he|she|they|the|it|this)\b",
    r"\bhow to\b",
    r"\b(know|explain|show|tell (me|us|him|her)) (how|what|where|which|whether)\b",
    r"\b(explained|talked|walked|guided) (it |cust |him |her |them )?(how|thru|through)\b",
    r"\bwhere (do|can|is|are) (i|we|the|that)\b",
    r"\bwhat (does|do|is) .{0,40}\bmean",
    r"\b(does|do) .{0,40}\bmean\b",
    r"\bis there (a|any) way to\b",
    r"\bis it possible to\b",
];

pub const PROMISED: &[&str] = &[
    r"\bpromis(e|es|ed|ing)\b",
    r"\b(assured|guaranteed) (me|us|him|her|them|that)\b",
    r"\b(orally|verbally) (agreed|promised|offered)\b|\bverbal (offer|agreement|promise)\b",
    r"\b(part of|in) the (deal|offer|package|sale|quote)\b",
    r"\b(included|inclusive|incl\.?|covered) (in|with|by) (the|our|my|your|that) (price|offer|quote|deal|contract|package|sale|purchase|order)\b",
    r"\bsold (to (us|me|him|her) )?as\b",
    r"\b(sales ?(man|woman|person|people|lady)?|rep|representative|seller|consultant|advis[eo]r|fair|showroom|show home|home show|brochure)\b.{0,80}\b(said|says|told|telling|agreed|confirmed|offered|swore|claimed|guaranteed|insisted|includes?)\b",
    r"\b(said|told|agreed|guaranteed|word|offered)\b.{0,40}\b(by|at|from|in|with|of) (the |your |our |a )?(\w+ )?(sales ?(man|woman|person|people|lady)?|rep|representative|seller|showroom|show home|home show|fair)\b",
    r"\b(was|were|been) told\b.{0,60}\b(included|free|part of|covered|take (away|it|care)|remov)",
];

pub const WAITING: &[&str] = &[
    r"\bwaiting\b",
    r"\b(for|after|in) (\w+ )?(weeks|months)\b",
    r"\b(\d+|two|three|four|five|six|seven|eight|nine|ten|several|many) ?(weeks|wks|months)\b",
    r"\b(no|any|without|w/o) (a )?(delivery )?(date|eta|news|answer|reply|word)\b",
    r"\bback ?-?order(ed)?\b",
    r"\bchas(e|es|ed|ing)\b",
    r"\bworking day \d+\b",
    r"\b(any|an) (update|news|eta) on\b",
];

pub const NO_SHOW: &[&str] = &[
    r"\bno[- ]?show(ed)?\b",
    r"\b(did ?n[o'’]?t|did not|never|nobody|no ?one|none of them) (even )?(came|come|turn(ed)? up|show(ed)?( up)?|arrive[d]?|appear(ed)?|rang|knock(ed)?)\b",
    r"\bstood (me|us|him|her) up\b",
    r"\bmissed (the |my |our |his |her |their )?(appointment|appt|slot|visit)\b",
    r"\bwaited (in |at home |from |since |for |\d)",
    r"\b(stayed|sat) (in |at home |home )?(all|the whole) (day|morning|afternoon)\b",
    r"\btook (a|the|half a) day off\b",
    r"\bunannounced\b|\b(no|without) (prior )?notice\b|\b(visit|appt|appointment|cust) (was )?(not|never) (notified|told|announced|informed)\b",
    r"\b(\d+|an|one|two|three) ?(h|hrs?|hours?) late\b",
];

pub const UPDATE: &[&str] = &[
    r"\b(since|after|following|with|from) (the |your |this |last |that |an? |your last )?(\w+['’]?s? ){0,3}(update|upgrade|release|patch|software)\b",
    r"\bfirmware\b",
    r"\b(new|latest) (software|version|release|update)\b",
    r"\b(v|version |update )?\d+\.\d+\.\d+\b",
    r"\bthe (software )?(update|upgrade)\b",
    r"\b(was|been|got|were) updated\b|\bupdated (to|itself)\b",
];

pub const LEAVING: &[&str] = &[
    r"\bcancel(l?ing|led|lation|s)? (of )?(the |my |our |this |his |her |their )?(\w+ )?(contract|subscription|account|membership|plan|maintenance|agreement|policy)\b",
    r"\bterminat(e|es|ed|ing|ion)( of)? (the |my |our |this |his |her |their )?(\w+ )?(contract|agreement|account|subscription)\b",
    r"\bclos(e|ing) (my|our|his|her|their|the) account\b",
    r"\b(switch(ing|ed)?|chang(e|ing)|mov(e|ing)|go(ing)?) (over )?to (a |another |an? ?other )?(different |new )?(competitor|provider|supplier|manufacturer|brand|vendor|bank|installer)\b",
    r"\b(leave|leaving|quit|quitting) (you|your (company|service|bank|platform))\b",
    r"\btak(e|ing) (my|our|his|her|their) (business|custom|money) elsewhere\b",
    r"\blost (me|us|him|her) as (a )?customers?\b",
    r"\bnever (buy|order|use|purchase|book) .{0,30}\bagain\b",
];

pub const PRAISE: &[&str] = &[
    r"\b(very|really|so|extremely|quite|most|more than) (happy|pleased|satisfied|helpful|friendly|grateful|impressed|professional)\b",
    r"\b(great|excellent|fantastic|wonderful|brilliant|perfect|outstanding|superb|amazing) (service|job|work|help|support|product|team|experience|advice)\b",
    r"\b(works|worked|runs) (great|perfectly|beautifully|flawlessly|like a charm)\b",
    r"\b(happy|satisfied|pleased) (with|customer)\b",
    r"\b(well done|keep up the good|kudos|hats off)\b",
    r"\b(praise|praises|praised|compliment|compliments)\b",
    r"\b(would|will|shall) (gladly |happily )?recommend\b|\brecommended you\b",
];

pub const NO_MANUAL: &[&str] = &[
    r"\b(not|nothing|nowhere|isn['’]?t|never) (\w+ ){0,3}(in|on) (the |your |my |our )?(user |owner['’]?s |online |printed )?(manual|handbook|documentation|docs|instructions?|help page|faq|leaflet|booklet)\b",
    r"\b(manual|handbook|documentation|docs|instructions?|help page|faq|leaflet|booklet)\b.{0,25}\b(does ?n['’o]?t|does not|do not|do ?n['’o]?t|says nothing|is silent|is missing|are missing|is wrong|are wrong|out of date|outdated|unclear|useless|no mention)",
    r"\b(no|without|missing|lost|lacks?|cannot find|can['’]?t find) (the |a |any |an |my |our )?(user |owner['’]?s |operating )?(manual|handbook|documentation|instructions?)\b",
    r"\bwhere (is|are|can i find|do i find) (the |a |an |my )?(user |operating )?(manual|handbook|documentation|instructions?)\b",
];

pub const BEGINNING: &[&str] = &[
    r"\b(just|newly|recently) (been )?(installed|bought|moved in|moved into|signed up|joined|registered|commissioned)\b",
    r"\bnew (customer|user|owner|tenant|client)\b",
    r"\bnew to (this|the app|your)\b",
    r"\b(initial|first) (login|log-in|sign-in|setup|set-up|start-?up|commissioning|bill|invoice)\b",
    r"\bgett?(ing)? started\b",
    r"\bsetting up (my|our|the|a|an)\b|\bset up (my|our) new\b",
    r"\bonboarding\b|\bhand-?over (visit|call|protocol|meeting)\b",
    r"\bactivat(e|ing|ion) (of )?(my|our|the|a) new\b",
];

/// Before a wording, in its clause, these take it back: "nothing was promised".
pub const NEGATION_BEFORE: &[&str] = &[
    r"(n['’]t|\b(not|never|nothing|nobody|no ?one|none|neither|nor|no|without|cannot))( \w+){0,3} ?$",
];

/// Right before a wording, these say that it was so all the same: "not delivered as promised".
pub const UPHELD: &[&str] = &[r"\b(as|what|than|like|which|that) $"];

/// Right after a wording, these take it back: "he promised nothing".
pub const NEGATION_AFTER: &[&str] = &[r"^ (us |me |him |her |them )?nothing\b"];

/// Where a clause ends.
pub const CLAUSE_END: &[&str] = &[r"[.!?;:,\n()]|\b(but|and|although|though)\b"];
