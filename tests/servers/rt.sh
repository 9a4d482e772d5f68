# Request Tracker 5 from Debian's package, as a private instance: its own SQLite file, folders and
# configuration, without Apache; the system's /etc/request-tracker5 is not used.

packages_rt() {
  missing_packages request-tracker5 rt5-db-sqlite rt5-standalone
}

install_rt() { :; }

start_rt() {
  local folder="$RUN/rt"
  rm -rf "$folder"
  mkdir -p "$folder"/{mason,session,mail}
  reserve_port
  fill "$SERVERS/rt-config.pm" "$folder/RT_SiteConfig.pm" "FOLDER=$folder" "PORT=$port"
  export RT_SITE_CONFIG="$folder/RT_SiteConfig.pm" RT_SITE_CONFIG_DIR="$folder/none"
  export GROUNDSWELL_TOKEN_FOLDER="$folder"

  rt-setup-database-5 --action init --skip-create >> "$RUN/logs/rt.log" 2>&1
  rt-setup-database-5 --action insert --datafile "$SERVERS/rt-initialdata.pl" >> "$RUN/logs/rt.log" 2>&1
  launch rt TERM /usr/share/request-tracker5/libexec/rt-server \
    --server Starlet --host 127.0.0.1 --port "$port" --max-workers 2

  local url="http://127.0.0.1:$port" token
  token=$(cat "$folder/token-puller")
  wait_until 120 rt curl -fsS -m 10 -H "Authorization: token $token" "$url/REST/2.0/queue/Support"
  publish RT_URL "$url"
  publish RT_TOKEN "$token"
  publish RT_ROOT_TOKEN "$(cat "$folder/token-root")"
  publish RT_WEAK_TOKEN "$(cat "$folder/token-clerk")"
  publish RT_DATABASE "$folder/rt.sqlite3"
}
