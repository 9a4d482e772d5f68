# Roundup (PyPI; Debian has none): a tracker whose REST interface really limits requests, with 429 and Retry-After.

ROUNDUP_VERSION=2.6.0

packages_roundup() {
  missing_packages python3
  python -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

roundup_folder() {
  echo "$CACHE/roundup-$ROUNDUP_VERSION"
}

install_roundup() {
  local folder
  folder=$(roundup_folder)
  [ ! -e "$folder/complete" ] || return 0
  rm -rf "$folder"
  python -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "roundup==$ROUNDUP_VERSION"
  touch "$folder/complete"
}

# Commands that make issues, each with a message: over REST, the limit would make it long.
seed_roundup() {
  local number
  for number in {1..8}; do
    echo "create msg author=1 date=. content='words of message $number'"
    echo "create issue title='Issue $number' priority=bug status=unread messages=$number"
  done
  echo commit
  echo quit
}

start_roundup() {
  local folder="$RUN/roundup" bin tracker
  bin="$(roundup_folder)/bin"
  tracker="$folder/tracker"
  rm -rf "$folder"
  mkdir -p "$folder"
  reserve_port
  local url="http://127.0.0.1:$port/support"
  "$bin/roundup-admin" -i "$tracker" install classic sqlite \
    "mail_domain=roundup.test,tracker_web=$url/,mail_host=127.0.0.1,web_enable_rest=yes" >> "$RUN/logs/roundup.log" 2>&1
  "$bin/roundup-admin" -i "$tracker" initialise admin-password >> "$RUN/logs/roundup.log" 2>&1
  seed_roundup | "$bin/roundup-admin" -i "$tracker" >> "$RUN/logs/roundup.log" 2>&1
  # No mail leaves, and six requests in 18 seconds are the limit: even a busy machine asks more often.
  sed -i -e '/^\[mail\]/,$ s|^debug = *$|debug = '"$folder"'/mail.log|' \
    -e 's/^api_calls_per_interval = .*/api_calls_per_interval = 6/' \
    -e 's/^api_interval_in_sec = .*/api_interval_in_sec = 18/' "$tracker/config.ini"
  # It refuses to serve as root, and nobody else may read the cache.
  cp -r "$(roundup_folder)"/lib/python3*/site-packages/roundup "$folder/roundup"
  chown -R nobody:nogroup "$folder"
  cd "$folder" || return 1
  PYTHONPATH="$folder" launch roundup TERM /usr/bin/python3 -m roundup.scripts.roundup_server \
    -u nobody -g nogroup -n 127.0.0.1 -p "$port" "support=$tracker"
  wait_until 60 roundup curl -fsS -m 5 -o /dev/null "$url/"
  publish ROUNDUP_URL "$url"
  publish ROUNDUP_USER admin
  publish ROUNDUP_ISSUES 8
  publish ROUNDUP_PASSWORD admin-password
}
