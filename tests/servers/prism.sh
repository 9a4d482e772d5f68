# Prism (npm) plays a vendor's API by the vendor's own OpenAPI file and refuses requests that the file does not allow.
# Dialpad's file comes with its Python package. Those of Front and Intercom are not ours to fetch: put
#   core-api/core-api.json of github.com/frontapp/front-api-specs
#   descriptions/2.16/api.intercom.io.yaml of github.com/intercom/Intercom-OpenAPI
# somewhere and name them in GROUNDSWELL_FRONT_OPENAPI and GROUNDSWELL_INTERCOM_OPENAPI.

PRISM_VERSION=5.16.0
DIALPAD_VERSION=3.2.0

packages_prism() {
  missing_packages python3
  python -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  command -v node > /dev/null || echo nodejs
  command -v npm > /dev/null || echo npm
}

prism_folder() {
  echo "$CACHE/prism-$PRISM_VERSION-$DIALPAD_VERSION"
}

install_prism() {
  local folder
  folder=$(prism_folder)
  [ ! -e "$folder/complete" ] || return 0
  rm -rf "$folder"
  mkdir -p "$folder/files"
  npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error \
    "@stoplight/prism-cli@$PRISM_VERSION"
  # Only the source package has the file.
  python -m venv "$folder/python"
  "$folder/python/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary python-dialpad \
    --dest "$folder" "python-dialpad==$DIALPAD_VERSION"
  tar -xzf "$folder/python_dialpad-$DIALPAD_VERSION.tar.gz" -C "$folder/files" --strip-components=1 \
    "python_dialpad-$DIALPAD_VERSION/dialpad_api_spec.json"
  touch "$folder/complete"
}

# play VENDOR FILE: starts one and publishes PRISM_VENDOR_URL.
play() {
  local vendor=$1 file=$2
  local process="prism-${vendor,,}"
  reserve_port
  launch "$process" TERM "$(prism_folder)/node_modules/.bin/prism" mock -h 127.0.0.1 -p "$port" "$file"
  wait_until 120 "$process" listens "$port"
  publish "PRISM_${vendor}_URL" "http://127.0.0.1:$port"
}

start_prism() {
  play DIALPAD "$(prism_folder)/files/dialpad_api_spec.json"
  local vendor name
  for vendor in FRONT INTERCOM; do
    name="GROUNDSWELL_${vendor}_OPENAPI"
    if [ -n "${!name-}" ]; then
      play "$vendor" "${!name}"
    else
      echo "prism: $name names no file; the tests against it are skipped" >&2
    fi
  done
}
