#!/usr/bin/env python3
"""Counts which planted bursts, births and deaths `groundswell analyze` found, and its false alarms. Python 3 alone.

usage: planted.py STREAM.jsonl TRUTH.json OUT    (OUT is the folder that `groundswell analyze STREAM.jsonl --out OUT` wrote)

Rows of STREAM need id, created_at and label. TRUTH: {"bursts": [{"label", "first", "last"}], "born": [{"label", "first"}],
"died": [{"label", "last"}]}, dates as 2026-11-21.
- A burst is found when the topic of most of its conversations is new, rising or back on its first day or the next.
- A birth or death is found when the topic of most of the label's conversations is new, rising or back (gone or falling) in
  one of the five weeks, or two months, from that day on.
- A false alarm is a topic that is new, rising or back on a day that nothing was planted for: not within a burst and two days
  of it, nor within twelve days of a birth, for each topic that holds at least a fiftieth of the label.
"""
import collections, csv, datetime, json, os, sys

UP, DOWN = ("new", "rising", "back"), ("gone", "falling")
DAY = datetime.timedelta(days=1)
date = datetime.date.fromisoformat


def read(stream, out):
    with open(stream, encoding="utf-8") as rows:
        labels = {row["id"]: row.get("label") for row in map(json.loads, rows)}
    members = collections.defaultdict(list)
    with open(os.path.join(out, "assignments.csv"), encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["topic_id"]:
                members[labels[row["id"]]].append((date(row["window_day"]), row["topic_id"]))
    states = collections.defaultdict(dict)
    with open(os.path.join(out, "trends.csv"), encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            states[row["cadence"]][row["topic_id"], row["window"]] = row["state"]
    return members, states


def main_topic(members, first=date("0001-01-01"), last=date("9999-12-31")):
    topics = collections.Counter(topic for day, topic in members if first <= day <= last)
    return topics.most_common(1)[0][0] if topics else None


def week(day):
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


def is_burst_found(burst, members, states):
    first = date(burst["first"])
    topic = main_topic(members, first, date(burst["last"]))
    return any(states.get((topic, str(day))) in UP for day in (first, first + DAY))


def is_turn_found(day, wanted, members, states):
    topic = main_topic(members)
    windows = [("weekly", week(day + 7 * n * DAY)) for n in range(5)]
    windows += [("monthly", month) for month in {str(day + n * DAY)[:7] for n in range(62)}]
    return any(states[cadence].get((topic, window)) in wanted for cadence, window in windows)


def planted_days(truth, members):
    spans = [(b["label"], date(b["first"]) - DAY, date(b["last"]) + 2 * DAY) for b in truth["bursts"]]
    spans += [(b["label"], date(b["first"]), date(b["first"]) + 11 * DAY) for b in truth["born"]]
    days = set()
    for label, first, last in spans:
        topics = collections.Counter(topic for _, topic in members[label])
        inside = {topic for day, topic in members[label] if first <= day <= last}
        for topic, count in topics.items():
            if topic in inside or 50 * count >= len(members[label]):
                days |= {(topic, str(first + n * DAY)) for n in range((last - first).days + 1)}
    return days


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[2], encoding="utf-8") as file:
        truth = json.load(file)
    members, states = read(sys.argv[1], sys.argv[3])
    daily = states["daily"]
    found = sum(is_burst_found(burst, members[burst["label"]], daily) for burst in truth["bursts"])
    print(f"bursts: {found} of {len(truth['bursts'])}")
    for kind, key, wanted in (("born", "first", UP), ("died", "last", DOWN)):
        turns = [is_turn_found(date(one[key]), wanted, members[one["label"]], states) for one in truth[kind]]
        print(f"{kind}: {sum(turns)} of {len(turns)}")
    planted = planted_days(truth, members)
    quiet = [state for at, state in daily.items() if at not in planted]
    alarms = sum(state in UP for state in quiet)
    print(f"false alarms: {alarms} on {len(quiet)} topic-days, one in {len(quiet) // max(1, alarms)}")


if __name__ == "__main__":
    main()
