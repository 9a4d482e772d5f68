#!/usr/bin/env python3
"""Fills the Request Tracker of the tests with tickets from a file in Groundswell's input format.

    seed_rt.py URL FILE.jsonl N [--since DAY] [--until DAY] [--database FILE] [--list FILE]

Takes N conversations, evenly spread over the file in the order of their dates. Half begin with a
customer's mail (RT's mail gateway), half with a call that an agent writes down; customers answer by
mail; the agent sets the category, comments, resolves. One
ticket in 40 is merged into another, one in 40 is deleted, one in 10 is filed under Other first.
Everything happens in the order of the conversations' own dates; the same file gives the same tickets.

RT stamps all of it with the present time. --database names the SQLite file of that RT
(GROUNDSWELL_TEST_RT_DATABASE) and moves the stamps to the conversations' dates.
--list writes what became of each conversation, one JSON object a line.
"""
import argparse
import datetime
import email.message
import json
import re
import sqlite3
import sys
import urllib.error
import urllib.parse
import urllib.request
import zlib

AGENT = ("agent1", "test-password")
OTHER = "Other"


class Server:
    """One Request Tracker, through REST 2 as the agent and through the mail gateway as a customer."""

    def __init__(self, url):
        self.url = url.rstrip("/")
        self.cookie = self.log_in(*AGENT)

    def log_in(self, user, password):
        """A session's cookie: checking the password at each request would double the time."""
        form = urllib.parse.urlencode({"user": user, "pass": password}).encode()
        with urllib.request.urlopen(self.url + "/NoAuth/Login.html", form, timeout=60) as answer:
            return (answer.headers.get("Set-Cookie") or "").split(";")[0]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + "/REST/2.0" + path, data, method=method)
        request.add_header("Cookie", self.cookie)
        request.add_header("Content-Type", "application/json")
        answer = self.send(request)
        try:
            return json.loads(answer)
        except ValueError:
            sys.exit(f"seed_rt.py: {path}: RT answered with a page; did it let {AGENT[0]} in?")

    def mail(self, sender, subject, text):
        """Hands RT a mail to the queue's address, in the form that rt-mailgate uses."""
        message = email.message.EmailMessage()
        message["From"] = sender
        message["To"] = "support@rt.test"
        message["Subject"] = subject
        message.set_content(text)
        boundary = "groundswell-seed-boundary"
        fields = {"action": b"correspond", "queue": b"Support", "message": message.as_bytes()}
        form = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
            + value + b"\r\n"
            for name, value in fields.items()
        )
        request = urllib.request.Request(
            self.url + "/REST/1.0/NoAuth/mail-gateway", form + f"--{boundary}--\r\n".encode(), method="POST"
        )
        request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        answer = self.send(request).decode()
        if not answer.startswith("ok"):
            sys.exit(f"seed_rt.py: the mail gateway answered {answer!r}; RT's log says why")

    def newest_ticket(self):
        query = urllib.parse.quote("Queue = 'Support'")
        page = self.call("GET", f"/tickets?query={query}&orderby=id&order=DESC&per_page=1")
        return int(page["items"][0]["id"])

    def send(self, request):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"seed_rt.py: {request.full_url}: {error.code} {error.read().decode()}")


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(datetime.timezone.utc)


def choose(path, count, since, until):
    """The conversations to make, evenly spread, in the order of their dates."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    rows = [row for row in rows if (since or "") <= row["created_at"][:10] < (until or "9999")]
    rows.sort(key=lambda row: (moment(row["created_at"]), row["id"]))
    if len(rows) < count:
        sys.exit(f"seed_rt.py: {path} holds {len(rows)} conversations in that time, not {count}")
    return [rows[index * len(rows) // count] for index in range(count)]


def subject_of(row, lines):
    """The given subject, or the first line that says something."""
    telling = [line for line in lines if len(line.split()) > 2] or lines
    return row.get("subject") or telling[0][:70].strip()


def requester_of(row, count):
    """A customer's address; some write more than once."""
    return row.get("requester") or f"customer{zlib.crc32(row['id'].encode()) % (count * 3 // 4 + 1)}@example.test"


def quoted(text, index):
    """What mail programs put under an answer: the quoted mail, sometimes a signature."""
    if index % 4 == 0:
        return ""
    quote = "\n".join("> " + line for line in text.split("\n"))
    signature = "-- \nSent from my phone\n" if index % 4 == 1 else ""
    return f"\n\n{signature}On Monday, Support <support@rt.test> wrote:\n{quote}\n"


class Ticket:
    """One conversation on its way into RT: a list of (minutes after creation, action)."""

    def __init__(self, server, index, count, row):
        self.server, self.index, self.row = server, index, row
        self.number, self.state = None, "kept"
        self.category = row.get("category")
        self.requester = requester_of(row, count)
        self.created = moment(row["created_at"])
        lines = [line for line in row.get("text", "").split("\n") if line.strip()] or ["(no text)"]
        split = max(2, (len(lines) + 1) // 2) if len(lines) > 3 else len(lines)
        self.first, self.later = "\n".join(lines[:split]), "\n".join(lines[split:])
        self.messages = row.get("messages") or []
        if self.messages:
            self.first = self.messages[0]["text"]
        self.subject = subject_of(row, self.first.split("\n"))

    def plan(self, merge_target):
        """What happens to it, as (time, action), in order."""
        steps = [(0, self.create)]
        if self.category and self.index % 10 != 9:
            steps.append((10, lambda: self.set_category(OTHER if self.index % 10 == 3 else self.category)))
        if self.index % 3 == 0:
            steps.append((15, lambda: self.comment("internal: called back, customer reference checked")))
        if self.later:
            steps.append((30 + self.index % 7, lambda: self.reply(self.later)))
        if self.category and self.index % 10 in (3, 9):
            steps.append((60, lambda: self.set_category(self.category)))
        if self.index % 2 == 0:
            steps.append((120, lambda: self.set_status("resolved")))
        if self.index % 40 == 20 and merge_target:
            steps.append((180, lambda: self.merge(merge_target)))
        if self.index % 40 == 30:
            steps.append((240, lambda: self.set_status("deleted")))
        timed = [(self.created + datetime.timedelta(minutes=minutes), action) for minutes, action in steps]
        timed += [(moment(m["at"]), lambda m=m: self.say(m)) for m in self.messages[1:]]
        return sorted(timed, key=lambda step: step[0])

    def create(self):
        """Half of them come by mail, half are calls that the agent writes down."""
        if self.index % 2 == 0:
            self.server.mail(self.requester, self.subject, self.first)
            self.number = self.server.newest_ticket()
        else:
            made = self.server.call("POST", "/ticket", {
                "Queue": "Support", "Subject": self.subject, "Requestor": self.requester,
                "Content": self.first, "ContentType": "text/plain",
            })
            self.number = int(made["id"])

    def reply(self, text):
        subject = f"Re: [rt.test #{self.number}] {self.subject}"
        self.server.mail(self.requester, subject, text + quoted(self.first, self.index))

    def comment(self, text):
        self.post("comment", text)

    def say(self, message):
        """One message of the input's own list."""
        if message.get("visibility") == "internal":
            self.comment(message["text"])
        elif message.get("author") == "customer":
            self.reply(message["text"])
        else:
            self.post("correspond", message["text"])

    def post(self, kind, text):
        body = {"Content": text, "ContentType": "text/plain"}
        self.server.call("POST", f"/ticket/{self.number}/{kind}", body)

    def set_category(self, category):
        fields = {"Category": category}
        if self.row.get("product"):
            fields["Product"] = self.row["product"]
        if self.row.get("tags"):
            fields["Tags"] = self.row["tags"]
        self.put({"CustomFields": fields})

    def set_status(self, status):
        self.put({"Status": status})
        if status == "deleted":
            self.state = "deleted"

    def merge(self, target):
        self.put({"MergeInto": target.number})
        self.state = f"merged into {target.number}"

    def put(self, body):
        for said in self.server.call("PUT", f"/ticket/{self.number}", body):
            if not re.search(r"changed|added|deleted|[Mm]erge", str(said)):
                sys.exit(f"seed_rt.py: ticket {self.number}: {said}")


def last_transaction(database):
    return database.execute("select coalesce(max(id), 0) from Transactions").fetchone()[0]


def move_times(database, done):
    """Sets the stamps of all that was made to the dates of `done`: [(last transaction, its time)]."""
    stamp = "%Y-%m-%d %H:%M:%S"
    before = done[0][0]
    with database:
        for last, time in done[1:]:
            text, span = time.strftime(stamp), (before + 1, last)
            where = "between ? and ?"
            database.execute(f"update Transactions set Created = ? where id {where}", (text, *span))
            database.execute(f"update Attachments set Created = ? where TransactionId {where}", (text, *span))
            touched = (
                "id in (select ObjectId from Transactions where ObjectType = 'RT::Ticket'"
                f" and id {where}%s)"
            )
            for column, kind in (
                ("LastUpdated", ""),
                ("Created", " and Type = 'Create'"),
                ("Started", " and Type = 'Status' and OldValue = 'new'"),
                ("Resolved", " and Type = 'Status' and NewValue in ('resolved', 'deleted')"),
            ):
                # 1970 stands for "not set". '1971' alone would be compared as a number.
                database.execute(
                    f"update Tickets set {column} = ? where {column} > '1971-01-01' and {touched % kind}",
                    (text, *span),
                )
            before = last


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("file")
    parser.add_argument("count", type=int)
    parser.add_argument("--since", help="first day, 2026-11-01")
    parser.add_argument("--until", help="the day after the last one")
    parser.add_argument("--database", help="RT's SQLite file: moves the stamps to the conversations' dates")
    parser.add_argument("--list", help="file for what became of each conversation")
    options = parser.parse_args()

    server = Server(options.url)
    rows = choose(options.file, options.count, options.since, options.until)
    tickets = [Ticket(server, index, options.count, row) for index, row in enumerate(rows)]
    steps = []
    for ticket in tickets:
        target = tickets[ticket.index - 1] if ticket.index else None
        steps += [(time, ticket.index, order, action)
                  for order, (time, action) in enumerate(ticket.plan(target))]
    steps.sort(key=lambda step: step[:3])

    database = sqlite3.connect(options.database, timeout=30) if options.database else None
    done = [(last_transaction(database), None)] if database else []
    for number, (time, _, _, action) in enumerate(steps):
        if number % 20 == 0 and sys.stderr.isatty():
            print(f"\r{number} of {len(steps)} steps", end="\r", file=sys.stderr)
        action()
        if database:
            done.append((last_transaction(database), time))
    if database:
        move_times(database, done)
        database.close()

    if options.list:
        with open(options.list, "w", encoding="utf-8") as out:
            for ticket in tickets:
                out.write(json.dumps({
                    "ticket": ticket.number, "id": ticket.row["id"], "category": ticket.category,
                    "created_at": ticket.row["created_at"], "state": ticket.state,
                }) + "\n")
    merged = sum(ticket.state.startswith("merged") for ticket in tickets)
    deleted = sum(ticket.state == "deleted" for ticket in tickets)
    print(f"{len(tickets)} tickets in {len(steps)} steps: {merged} merged, {deleted} deleted")


if __name__ == "__main__":
    main()
