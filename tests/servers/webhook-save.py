#!/usr/bin/python3
"""webhook-save.py BODY DELIVERY: appends one accepted webhook to saved.jsonl in the working folder."""
import json
import sys

line = json.dumps({"delivery": sys.argv[2], "body": sys.argv[1]}) + "\n"
# One write to a file opened for appending: lines of simultaneous deliveries do not mix.
with open("saved.jsonl", "ab", buffering=0) as saved:
    saved.write(line.encode())
