//! What mail programs, helpdesks and people write around what they mean, in several languages:
//! the patterns that `clean` and `prepare` look for. A new phrase goes here.

use std::sync::LazyLock;

use regex::Regex;

macro_rules! lazy {
    ($text:expr) => {
        LazyLock::new(|| Regex::new($text).expect("a constant pattern"))
    };
}

/// The first line of a quoted mail: "On … wrote:", "Am … schrieb …:", "Le … a écrit :".
pub static ATTRIBUTION: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*(?:
      on\b.{6,250}\bwrote
    | (?:am|um|vom)\b.{6,250}\bschrieb\b.{0,120}
    | .{3,120}\bschrieb\ am\b.{4,120}
    | le\b.{6,250}\ba\ (?:é|e)crit
    | el\b.{6,250}\bescribi(?:ó|o)
    | op\b.{6,250}\bschreef\b.{0,120}
    | il\b.{6,250}\bha\ scritto
    | em\b.{6,250}\bescreveu
    | den\b.{6,250}\bskrev\b.{0,120}
    | w\ dniu\b.{6,250}\bpisze
    )\s*:\s*$"
);

/// How such a line starts when it is broken in two: with a date in it.
pub static ATTRIBUTION_START: LazyLock<Regex> =
    lazy!(r"(?i)^\s*(?:on|am|um|vom|le|el|op|il|em|den|w dniu)\b.*\d");

/// A line between an answer and the mail below it.
pub static ORIGINAL: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*[-_*=]{2,}\s*(?:
      original\ (?:message|mail) | urspr(?:ü|ue)ngliche\ (?:nachricht|e-?mail) | original-?nachricht
    | message\ d'origine | mensaje\ original | mensagem\ original | messaggio\ originale
    | oorspronkelijk\ bericht | ursprungligt\ meddelande | oprindelig\ meddelelse | reply\ message
    )\s*[-_*=]{2,}\s*$"
);

/// A line above a forwarded mail: what follows is what the customer wants to say.
pub static FORWARDED: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*(?:[-_*=]{2,}\s*)?(?:
      forwarded\ (?:message|by\b.{0,80}) | begin\ forwarded\ message | weitergeleitete\ nachricht
    | anfang\ der\ weitergeleiteten\ nachricht | message\ transf(?:é|e)r(?:é|e) | mensaje\ reenviado
    | doorgestuurd\ bericht | messaggio\ inoltrato | mensagem\ encaminhada
    )\s*:?\s*(?:[-_*=]{2,})?\s*$"
);

/// The sender's line of a quoted mail's head.
pub static HEAD_FROM: LazyLock<Regex> =
    lazy!(r"(?i)^\s*\*?(?:from|von|de|da|van|fra|från|od)\s*:\*?\s*\S");

/// The date's line of a quoted mail's head.
pub static HEAD_DATE: LazyLock<Regex> = lazy!(
    r"(?i)^\s*\*?(?:sent|gesendet|date|datum|envoy(?:é|e)|enviado(?: el| em)?|fecha|verzonden|inviato|data|sendt|skickat|wysłano)\s*:\*?\s*\S"
);

/// Any other line of a quoted mail's head.
pub static HEAD_OTHER: LazyLock<Regex> = lazy!(
    r"(?i)^\s*\*?(?:to|an|à|a|para|aan|til|till|do|cc|kopie|subject|betreff|objet|asunto|assunto|onderwerp|oggetto|emne|ämne|temat|reply-to|priority|priorität|importance|wichtigkeit)\s*:\*?\s*"
);

/// Added by telephones and mail programs.
pub static DEVICE: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*[-–*]*\s*(?:
      sent\ (?:from|via|using|with)\ (?:my|the|an?|outlook|yahoo|gmail|samsung|proton|mail|aol|iphone)\b(?:\ ?[^\s>]+){0,5}
    | (?:diese\ nachricht\ wurde\ )?von\ meine[mr]\b(?:\ [^\s>]+){0,5}\ gesendet
    | (?:von|mit)\b.{0,50}\b(?:iphone|ipad|android|smartphone|handy|app)\b.{0,25}\b(?:gesendet|verschickt)
    | gesendet\ (?:von|mit|über|aus)\b(?:\ ?[^\s>]+){0,5}
    | envoy(?:é|e)\ (?:de|depuis|à\ partir\ de)\b(?:\ ?[^\s>]+){0,5}
    | enviado\ (?:desde|do|de|a\ partir)\b(?:\ ?[^\s>]+){0,5}
    | (?:verzonden|verstuurd)\ (?:vanaf|vanuit|met|via)\b(?:\ ?[^\s>]+){0,5}
    | inviato\ (?:da|dal)\b(?:\ ?[^\s>]+){0,5}
    | sendt\ fra\b(?:\ ?[^\s>]+){0,5} | skickat\ från\b(?:\ ?[^\s>]+){0,5}
    | get\ outlook\ for\b(?:\ ?[^\s>]+){0,3} | outlook\ f(?:ü|u)r\ (?:ios|android)\b(?:\ ?[^\s>]+){0,3}
    | (?:virus-free|virenfrei|sans\ virus)\b(?:\ ?[^\s>]+){0,5}
    )[.!]?\s*$"
);

/// A farewell that stands above a name and an address.
pub static FAREWELL: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*(?:(?:thanks|thank\ you|many\ thanks|danke|vielen\ dank|merci|gracias|bedankt|grazie|obrigad[oa])\s*(?:and|und|et|y|en|e|,|&)?\s*)?(?:
      (?:with\ )?(?:best|kind|kindest|warm|warmest|many)\s+(?:regards|wishes|greetings) | regards | rgds | best
    | yours\ (?:sincerely|faithfully|truly) | sincerely(?:\ yours)? | respectfully | all\ the\ best
    | mit\ (?:vielen\ )?(?:freundlichen|freundlichem|besten|herzlichen|lieben|sonnigen|vielen)\ gr(?:ü|u|ue)(?:ß|ss)(?:en)?
    | mit\ freundlichem\ gru(?:ß|ss) | (?:freundliche|viele|beste|liebe|herzliche|sch(?:ö|oe)ne)(?:\ gr(?:ü|ue)(?:ß|ss)e|n\ gru(?:ß|ss))
    | gr(?:ü|ue)(?:ß|ss)e | gru(?:ß|ss) | mfg | lg | vg | hochachtungsvoll
    | (?:bien\ )?cordialement | bien\ à\ vous | (?:sincères|meilleures)\ salutations | salutations\ distinguées
    | (?:un\ )?(?:cordial\ )?saludos?(?:\ cordiales)? | atentamente
    | (?:met\ )?(?:vriendelijke|hartelijke)\ groet(?:en)? | groet(?:en|jes)? | mvg | hoogachtend
    | (?:cordiali|distinti)\ saluti | cordialmente | atenciosamente | (?:com\ os\ melhores\ )?cumprimentos
    | (?:med\ )?(?:venlig|vennlig|vänliga|vänlig)\ h(?:ilsen|älsningar|älsning) | hilsen | pozdrawiam
    )\s*[,.!–-]*\s*(?:\p{Lu}[\p{L}.'’-]*\s*){0,4}$"
);

/// A thank-you line, which is a farewell only when nothing but a name follows.
pub static THANKS: LazyLock<Regex> = lazy!(
    r"(?i)^\s*(?:thanks(?: (?:a lot|again|in advance|so much))?|thank you(?: (?:very much|so much|in advance))?|many thanks|thx|cheers|ta|danke(?: schön)?|vielen dank(?: im voraus)?|besten dank|merci(?: (?:beaucoup|d'avance))?|(?:muchas )?gracias|bedankt|dank u|grazie|obrigad[oa])\s*[,.!–-]*\s*$"
);

/// A postscript means something again.
pub static POSTSCRIPT: LazyLock<Regex> = lazy!(r"(?i)^\s*(?:p\.?\s?s\.?|nb|n\.b\.)\s*[:.\-–]?\s");

/// A name under a farewell: one to four words that start large, or initials.
pub static NAME: LazyLock<Regex> = lazy!(r"^\s*(?:\p{Lu}[\p{L}.'’-]{0,24}\s*){1,4}[.,]?\s*$");

/// Where a legal notice starts.
pub static DISCLAIMER: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*[*_]*(?:(?:confidentiality|legal|privacy)\ notice\b | disclaimer\s*[:.] | vertraulichkeitshinweis\b
    | (?:this|the\ information\ in\ this)\ (?:e-?mail|message|communication|transmission)\b.{0,160}\b(?:confidential|privileged|intended|proprietary)
    | the\ (?:contents|information)\ (?:of|contained\ in)\ this\ (?:e-?mail|message)\b
    | if\ you\ (?:are\ not\ the\ intended|have\ received\ this\ (?:e-?mail|message)\ in\ error)
    | (?:please\ )?(?:consider|think\ of)\ the\ environment\ before\ printing
    | diese\ (?:e-?mail|nachricht)\b.{0,160}\b(?:vertraulich|rechtlich\ geschützt|bestimmt)
    | der\ inhalt\ dieser\ (?:e-?mail|nachricht)\b.{0,120}\bvertraulich
    | (?:wenn|sollten|falls)\ sie\ nicht\ der\ (?:richtige|beabsichtigte|vorgesehene)\ (?:adressat|empf(?:ä|ae)nger)
    | bitte\ (?:denken\ sie\ an\ die\ umwelt|pr(?:ü|ue)fen\ sie,?\ ob\ diese\ (?:e-?mail|mail))
    | ce\ (?:message|courriel|mail)\b.{0,160}\b(?:confidentiel|destiné)
    | este\ (?:mensaje|correo)\b.{0,160}\b(?:confidencial|dirigido|destinatario)
    | (?:dit|deze)\ (?:bericht|e-?mail)\b.{0,160}\b(?:vertrouwelijk|bestemd)
    | (?:questo|il\ presente)\ messaggio\b.{0,160}\briservat
    | esta\ mensagem\b.{0,160}\bconfidencia
    )"
);

/// A line that a helpdesk puts above the place for an answer; what is below is quoted.
pub static REPLY_ABOVE: LazyLock<Regex> = lazy!(
    r"(?i)^.{0,10}(?:please type your reply above this line|(?:reply|write) (?:above|over) this line|bitte (?:geben sie ihre antwort|antworten sie|schreiben sie ihre antwort)\s?oberhalb dieser zeile|veuillez (?:saisir|répondre|entrer).{0,30}au-dessus de cette ligne|(?:escriba|responda).{0,30}encima de esta línea|(?:typ|schrijf).{0,30}boven deze (?:regel|lijn)).{0,10}\s*$"
);

/// Lines that helpdesks and mail gateways add.
pub static TEMPLATE: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*(?:
      (?:ticket\s+)?<?url:\s*https?://\S+\s*>?
    | transaction:\s.{0,120} | queue:\s\S.{0,80} | (?:owner|requestors?|ticket\ id|status):\s.{0,80}<?url.{0,200}
    | \[?ticket\ ?(?:id|\#|no\.?|number)?\s*[:\#]?\s*\d+\]?\s*
    | this\ (?:e-?mail|message)\ (?:was\ sent|is\ a\ service)\b.{0,200}
    | this\ is\ an\ automat(?:ed|ic)(?:ally\ generated)?\ (?:message|e-?mail|response|reply)\b.{0,200}
    | (?:please\ )?do\ not\ reply\ to\ this\ (?:e-?mail|message)\b.{0,120}
    | diese\ e-?mail\ wurde\ automatisch\ (?:erstellt|generiert|versandt)\b.{0,160}
    | bitte\ antworten\ sie\ nicht\ auf\ diese\ (?:e-?mail|nachricht)\b.{0,120}
    | your\ request\ \(?\#?\d+\)?\ has\ been\ (?:received|updated|solved|deemed\ solved)\b.{0,200}
    | to\ (?:add\ additional\ comments|unsubscribe)\b.{0,160}
    | \[image:?[^\]]{0,80}\] | \[cid:[^\]]{0,120}\] | \[inline\ image[^\]]{0,80}\]
    | caution:\s(?:this\ e-?mail|external)\b.{0,240} | external\ (?:e-?mail|sender)\b.{0,160}
    )\s*$"
);

/// Ticket marks in subjects and texts: `[rt.test #12]`, `[#4711]`, `[Ticket#2026…]`, `{ref:…}`.
pub static TICKET_MARK: LazyLock<Regex> = lazy!(
    r"(?i)\[[\w.\- ]{1,40}\s#\d{1,12}\]|\[#\d{1,12}\]|\[(?:ticket|case|request|req|sr|inc)\s?[#:]?\s?[\w-]{1,20}\]|\{?\bref:[\w!.:]{6,60}:ref\}?|\[[A-Z0-9]{6}-[A-Z0-9]{4,6}\]"
);

/// What mail programs put before a subject.
pub static REPLY_PREFIX: LazyLock<Regex> = lazy!(
    r"(?i)^\s*(?:(?:re|aw|antw|antwort|fw|fwd|wg|tr|rv|res|enc|sv|vs|odp|r|i|ynt|doorst|rif)\s*(?:\[\d+\])?\s*:\s*)+"
);

/// Subjects of mails that no person wrote.
pub static AUTOMATIC_SUBJECT: LazyLock<Regex> = lazy!(
    r"(?ix)^\s*(?:
      (?:auto(?:matic|mated|matische|matisch)?[\s-]*(?:reply|response|answer|antwort)|autoreply|autoresponder)\s*[:\-–(]
    | auto\s*:\s*(?:out\ of|reply|antwort|abwesen)
    | (?:automatic|automated)\ (?:reply|response)\b | auto-?reply\b | automatische\ antwort\b
    | out\ of\ (?:the\ )?office\b | ooo\s*: | away\ from\ (?:the\ )?(?:office|my\ desk)\b | on\ (?:annual|parental|maternity|sick)\ leave\b | vacation\ (?:reply|notice|message)
    | abwesend\s*: | abwesenheits(?:notiz|meldung|benachrichtigung|assistent)\b | automatische\ empfangsbest | eingangsbest(?:ä|ae)tigung
    | r(?:é|e)ponse\ automatique | absence\ du\ bureau | absent\ du\ bureau | accus(?:é|e)\ de\ r(?:é|e)ception
    | respuesta\ autom(?:á|a)tica | fuera\ de\ la\ oficina | automatisch\ antwoord | afwezig\s*: | afwezigheidsbericht\b
    | risposta\ automatica | fuori\ sede | resposta\ autom(?:á|a)tica | autosvar | frånvaro
    | undeliverable\s*: | undelivered\ mail\b | delivery\ (?:status\ notification|failure\s*[:(]) | mail\ delivery\ (?:failed|failure|subsystem|system)
    | returned\ mail\b | failure\ notice\b | message\ (?:undeliverable|not\ delivered) | unzustellbar\s*: | nicht\ zustellbar\s*:
    | read\s*: | gelesen\s*: | read\ receipt | lesebest(?:ä|ae)tigung
    )"
);

/// Texts of mails that no person wrote; they count only when the mail is short and says nothing else.
pub static AUTOMATIC_TEXT: LazyLock<Regex> = lazy!(
    r"(?ix)^\W*(?:(?:hello|hi|dear\ sender|thank\ you\ for\ your\ (?:e-?mail|message|mail)|vielen\ dank\ für\ (?:ihre|deine)\ (?:e-?mail|nachricht|mail))\W{1,4}\s*)?(?:
      i(?:\ am|'m|’m)\ (?:currently\ |now\ )?(?:out\ of\ (?:the\ )?office|away\ from\ (?:the\ office|my\ desk)|on\ (?:annual|parental|maternity|sick|holiday)\ leave|on\ (?:vacation|holiday))\b
    | (?:ich\ bin|bin)\ (?:derzeit\ |zurzeit\ |momentan\ |aktuell\ |bis\ .{1,30}\ )?(?:nicht\ im\ (?:b(?:ü|ue)ro|haus)|im\ urlaub|abwesend|außer\ haus|in\ elternzeit)
    | je\ suis\ (?:actuellement\ )?(?:absent|en\ cong)
    | (?:actualmente\ )?estoy\ fuera\ de\ la\ oficina | ik\ ben\ (?:momenteel\ )?(?:afwezig|niet\ op\ kantoor|met\ vakantie)
    | this\ is\ an\ automat(?:ed|ic)(?:ally\ generated)?\ (?:message|reply|response|e-?mail)
    | dies\ ist\ eine\ automatisch\w*\ (?:nachricht|antwort|e-?mail)
    | (?:this\ is\ the\ mail\ system\ at\ host|delivery\ to\ the\ following\ recipient|your\ message\ (?:to\ .{1,80}\ )?(?:could\ not\ be|was\ not|wasn't)\ delivered|the\ following\ (?:message|addresses?)\b.{0,60}\b(?:failed|undeliver))
    )"
);

/// What an out-of-office mail says beside that: together with `AUTOMATIC_TEXT` it is one.
pub static AUTOMATIC_COMPANION: LazyLock<Regex> = lazy!(
    r"(?i)\b(?:until|return|back (?:on|in)|limited access|urgent|in my absence|will (?:reply|respond|answer|get back)|instead|auto(?:mat|repl)|forwarded|deliver|bis (?:zum|einschließlich)|ab dem|wieder (?:im|da|erreichbar)|dringend|vertretung|weitergeleitet|jusqu|urgence|hasta|urgente|tot en met|dringende)\b|\bautomat"
);

/// Addresses that robots write from.
pub static ROBOT_ADDRESS: LazyLock<Regex> =
    lazy!(r"(?i)^(?:mailer-daemon|postmaster|bounces?(?:[+-].*)?|no-?reply-bounce)@");
