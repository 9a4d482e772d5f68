# Redmine from Debian's package, as a private instance: a copy of the package's own database, users and keys in it, REST
# switched on. Starting Rails is what takes time, so the database is prepared once and kept in the cache.

packages_redmine() {
  missing_packages redmine redmine-sqlite puma
}

redmine_folder() {
  echo "$CACHE/redmine-$(dpkg-query -W -f='${Version}' redmine)"
}

# Runs a program of Rails with the private database $1.
with_redmine() {
  local database=$1
  shift
  (
    cd /usr/share/redmine || exit 1
    export RAILS_ENV=production X_DEBIAN_SITEID=default DATABASE_URL="sqlite3:$database"
    exec "$@"
  )
}

install_redmine() {
  local folder
  folder=$(redmine_folder)
  [ ! -e "$folder/complete" ] || return 0
  rm -rf "$folder"
  mkdir -p "$folder"
  cp /var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default "$folder/redmine.sqlite3"
  with_redmine "$folder/redmine.sqlite3" bundle exec rails runner "$SERVERS/redmine-seed.rb" > "$folder/keys"
  touch "$folder/complete"
}

start_redmine() {
  local folder="$RUN/redmine" cached who key
  cached=$(redmine_folder)
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$cached/redmine.sqlite3" "$folder/redmine.sqlite3"
  reserve_port
  cd /usr/share/redmine || return 1
  export RAILS_ENV=production X_DEBIAN_SITEID=default DATABASE_URL="sqlite3:$folder/redmine.sqlite3"
  launch redmine TERM puma -b "tcp://127.0.0.1:$port" -t 1:4 -e production config.ru

  local url="http://127.0.0.1:$port"
  while read -r who key; do
    case $who in
      puller) wait_until 180 redmine curl -fsS -m 10 -H "X-Redmine-API-Key: $key" "$url/users/current.json"
        publish REDMINE_KEY "$key" ;;
      admin) publish REDMINE_ADMIN_KEY "$key" ;;
      agent) publish REDMINE_AGENT_KEY "$key" ;;
      customer) publish REDMINE_CUSTOMER_KEY "$key" ;;
      weak) publish REDMINE_WEAK_KEY "$key" ;;
    esac
  done < "$cached/keys"
  publish REDMINE_URL "$url"
}
