# Configuration of the private Request Tracker of the tests; tests/servers/rt.sh fills it in.
Set($rtname, 'rt.test');
Set($Organization, 'rt.test');
Set($WebDomain, '127.0.0.1');
Set($WebPort, @PORT@);
Set($WebPath, '');
Set($WebBaseURL, 'http://127.0.0.1:@PORT@');
Set($Timezone, 'UTC');
Set($CorrespondAddress, 'help@rt.test');
Set($CommentAddress, 'help-comment@rt.test');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '@FOLDER@/rt.sqlite3');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($LogToFile, undef);
# Outgoing mail goes into files; nothing leaves the machine.
Set($MailCommand, 'mbox');
Set($RestrictReferrer, 0);
# Each request checks its token with bcrypt: the default of 12 costs half a second of CPU, 10 a tenth.
Set($BcryptCost, 10);
$RT::VarPath = '@FOLDER@/mail';
$RT::MasonDataDir = '@FOLDER@/mason';
$RT::MasonSessionDir = '@FOLDER@/session';
1;
