# Matrix: a real synapse server (PyPI; bookworm has none) with one user and one room.

SYNAPSE_VERSION=1.163.2

packages_synapse() {
  missing_packages python3
  python -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

synapse_folder() {
  echo "$CACHE/synapse-$SYNAPSE_VERSION"
}

install_synapse() {
  local folder
  folder=$(synapse_folder)
  [ ! -e "$folder/complete" ] || return 0
  rm -rf "$folder"
  python -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
    "matrix-synapse==$SYNAPSE_VERSION"
  touch "$folder/complete"
}

start_synapse() {
  local folder="$RUN/synapse" python
  python="$(synapse_folder)/bin/python"
  rm -rf "$folder"
  mkdir -p "$folder"
  reserve_port
  fill "$SERVERS/synapse.yaml" "$folder/homeserver.yaml" "FOLDER=$folder" "PORT=$port"
  fill "$SERVERS/synapse-log.yaml" "$folder/log.yaml"
  cd "$folder" || return 1
  "$python" -m synapse.app.homeserver -c homeserver.yaml --generate-keys >> "$RUN/logs/synapse.log" 2>&1
  launch synapse TERM "$python" -m synapse.app.homeserver -c homeserver.yaml

  local url="http://127.0.0.1:$port" account
  wait_until 120 synapse curl -fsS -m 5 "$url/_matrix/client/versions"
  account=$(python "$SERVERS/synapse_account.py" "$url" registration-secret digestbot)
  publish MATRIX_URL "$url"
  publish MATRIX_TOKEN "${account% *}"
  publish MATRIX_ROOM "${account#* }"
}
