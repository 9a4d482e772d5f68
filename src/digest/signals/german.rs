//! Wordings of German, as regular expressions without regard to case.

pub const HOW_TO: &[&str] = &[
    r"\bwie (kann|stelle?|mache|richte|bekomme|lässt|schalte|geht|muss|soll)\b",
    r"\bwo (finde|kann|ist|sehe)\b",
    r"\bwas (bedeutet|heißt)\b",
    r"\bist es möglich,",
];

pub const PROMISED: &[&str] = &[
    r"\bversprochen\b|\bversprach(en)?\b|\bzugesagt\b|\bzugesichert\b|\bzusage\b",
    r"\bim (preis|angebot|paket) (inbegriffen|enthalten)\b",
    r"\b(verkäufer|vertrieb|berater|vertreter)\w*\b.{0,60}\b(gesagt|sagte|meinte|behauptet\w*)\b",
];

pub const WAITING: &[&str] = &[
    r"\bseit (\w+ )?(wochen|monaten)\b",
    r"\bwarte(n|t|ten)?\b|\bgewartet\b|\bwartezeit\b|\blieferzeit\b",
    r"\b(kein|keinen|ohne) (liefer|reparatur)?termin\b|\bkeine (rück)?(meldung|antwort|nachricht)\b",
    r"\b(\d+|zwei|drei|vier|fünf|sechs|acht|mehrere|viele) (wochen|monate)n?\b",
];

pub const NO_SHOW: &[&str] = &[
    r"\bniemand (ist )?(gekommen|kam|erschienen)\b|\bkeiner (ist )?(gekommen|kam|erschienen)\b",
    r"\bnicht (gekommen|erschienen|aufgetaucht)\b|\bnicht zum termin\b",
    r"\bunangekündigt\b|\btermin (wurde )?(nicht eingehalten|verpasst|geplatzt)\b",
    r"\b(einen|den ganzen|einen halben) tag (frei|urlaub) genommen\b|\bumsonst (gewartet|frei genommen)\b",
];

pub const UPDATE: &[&str] = &[
    r"\b(seit|nach) (dem|der|einem) (\w+ )?(update|aktualisierung|softwarestand)\b",
    r"\b(neue|neuen|neuer|neueste|neuesten) (software|version|firmware)\b",
    r"\bsoftware-?update\b",
];

pub const LEAVING: &[&str] = &[
    r"\b(gekündigt|kündigen|kündige|kündigung)\b",
    r"\b(anbieter|hersteller|bank|lieferanten)-?wechsel\b",
    r"\bwechs(el|eln|le|elt|elte) (\w+ ){0,2}(zu|zum|zur) (\w+ ){0,3}(anbieter|konkurrenz|mitbewerber|hersteller|bank|versicherung)\b",
    r"\bden (anbieter|hersteller|lieferanten) (zu )?wechseln\b",
    r"\bvertrag (\w+ )?(beenden|auflösen|aufheben)\b",
    r"\bnie wieder (bei|mit|von) (ihnen|euch)\b",
];

pub const PRAISE: &[&str] = &[
    r"\b(sehr|wirklich|rundum|äußerst|höchst) (zufrieden|freundlich|nett|hilfsbereit|kompetent|dankbar)\b",
    r"\b(tolle[rsn]?|hervorragende[rsn]?|ausgezeichnete[rsn]?|super|klasse|prima) (service|arbeit|hilfe|beratung|produkt|team|unterstützung)\b",
    r"\b(großes|dickes|ein) lob\b",
    r"\b(läuft|funktioniert) (super|perfekt|einwandfrei|tadellos|prima)\b",
    r"\bweiter so\b|\b(gerne?|werde \w+) weiterempfehlen\b",
    r"\bzufrieden mit\b",
];

pub const NO_MANUAL: &[&str] = &[
    r"\b(steht|finde|fand|gefunden) (\w+ ){0,3}(nicht|nichts|nirgends) (\w+ ){0,2}(in|im) (der |dem )?(\w+)?(anleitung|handbuch|dokumentation)\b",
    r"\b(in|im) (der |dem )?(\w+)?(anleitung|handbuch|dokumentation) (steht|finde|fand) (\w+ ){0,3}(nicht|nichts|nirgends)\b",
    r"\b(\w+)?(anleitung|handbuch|dokumentation)\b.{0,25}\b(fehlt|veraltet|falsch|unklar|unverständlich)\b",
    r"\b(keine|ohne|fehlende) (\w+)?(anleitung|dokumentation)\b|\bkein handbuch\b",
];

pub const BEGINNING: &[&str] = &[
    r"\b(gerade|neu|frisch|kürzlich) (erst )?(eingezogen|installiert|gekauft|angemeldet|eingebaut|registriert)\b",
    r"\bneue[rns]? (kunde|kunden|kundin|nutzer|mieter|eigentümer)\b|\bneukunde",
    r"\bersteinrichtung\b|\b(erst)?inbetriebnahme\b|\beinweisung\b",
    r"\berste[rn]? (anmeldung|rechnung|abrechnung|start)\b",
];

/// Before a wording, in its clause, these take it back: "nichts wurde zugesagt".
pub const NEGATION_BEFORE: &[&str] =
    &[r"\b(nicht|nie|niemals|nichts|niemand|weder|ohne|kein\w*)( \w+){0,3} ?$"];

/// Right before a wording, these say that it was so all the same: "nicht geliefert wie versprochen".
pub const UPHELD: &[&str] = &[r"\b(wie|als) $"];

/// Right after a wording, these take it back: "versprochen wurde nichts".
pub const NEGATION_AFTER: &[&str] =
    &[r"^( (wurde|worden|hat|haben|war|ist|er|sie|man|mir|uns|ihm|ihr|ihnen))* (nichts|nie)\b"];

/// Where a clause ends.
pub const CLAUSE_END: &[&str] = &[r"\b(aber|und|sondern|obwohl|doch)\b"];
