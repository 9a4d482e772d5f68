# Headless Chromium, driven by playwright-core. Nothing is started for good: a test starts its own
# browser. Starting here only proves that the browser works.

# The newest version that runs on the Node 18 of Debian 12.
PLAYWRIGHT_VERSION=1.61.1

packages_browser() {
  missing_packages chromium fonts-dejavu-core
  command -v node > /dev/null || echo nodejs
  command -v npm > /dev/null || echo npm
}

playwright_folder() {
  echo "$CACHE/playwright-$PLAYWRIGHT_VERSION"
}

install_browser() {
  local folder
  folder=$(playwright_folder)
  [ ! -e "$folder/complete" ] || return 0
  rm -rf "$folder"
  mkdir -p "$folder"
  npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error \
    "playwright-core@$PLAYWRIGHT_VERSION"
  touch "$folder/complete"
}

start_browser() {
  local package
  package="$(playwright_folder)/node_modules/playwright-core"
  publish CHROMIUM /usr/bin/chromium
  publish NODE "$(command -v node)"
  publish PLAYWRIGHT "$package"
  timeout 60 node "$SERVERS/browser-check.js" /usr/bin/chromium "$package" >> "$RUN/logs/browser.log" 2>&1
}
