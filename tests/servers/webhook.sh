# Debian's "webhook" as the receiver of webhooks: it checks the signature over the raw body and
# appends what it accepted to a file, one JSON object a line: {"delivery": ..., "body": ...}.
# It answers 200 before the line is written; 401 without a signature; 500 with a wrong one.

packages_webhook() {
  missing_packages webhook
}

install_webhook() { :; }

start_webhook() {
  local folder="$RUN/webhook"
  rm -rf "$folder"
  mkdir -p "$folder"
  : > "$folder/saved.jsonl"
  reserve_port
  fill "$SERVERS/webhook-hooks.yaml" "$folder/hooks.yaml" \
    "SAVE=$SERVERS/webhook-save.py" "FOLDER=$folder" "SECRET=webhook-secret"
  launch webhook TERM webhook -hooks "$folder/hooks.yaml" -ip 127.0.0.1 -port "$port" -verbose
  wait_until 60 webhook curl -fsS -m 5 "http://127.0.0.1:$port/"
  publish WEBHOOK_URL "http://127.0.0.1:$port/hooks/digest"
  publish WEBHOOK_SECRET webhook-secret
  publish WEBHOOK_SAVED "$folder/saved.jsonl"
}
