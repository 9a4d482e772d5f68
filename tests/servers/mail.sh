# Mail out and in: Exim takes submissions (STARTTLS, then AUTH PLAIN) and hands them by LMTP to
# Dovecot, where the tests read them over IMAP. Shared mailboxes of our own connector lie there too. Nothing leaves
# the machine.

packages_mail() {
  missing_packages exim4-daemon-light dovecot-imapd dovecot-lmtpd openssl
}

install_mail() { :; }

start_mail() {
  local folder="$RUN/mail" smtp imap imaps lmtp
  rm -rf "$folder"
  mkdir -p "$folder"/{spool,log,run,state,box}
  chown Debian-exim "$folder/spool" "$folder/log"
  chown mail:mail "$folder/box"
  reserve_port; smtp=$port
  reserve_port; imap=$port
  reserve_port; imaps=$port
  reserve_port; lmtp=$port
  make_certificate "$folder"
  echo 'digest@support.test:{PLAIN}digest-password' > "$folder/users"
  local values=("FOLDER=$folder" "SMTP_PORT=$smtp" "IMAP_PORT=$imap" "IMAPS_PORT=$imaps" "LMTP_PORT=$lmtp")
  fill "$SERVERS/dovecot.conf" "$folder/dovecot.conf" "${values[@]}"
  fill "$SERVERS/exim.conf" "$folder/exim.conf" "${values[@]}"

  launch mail-dovecot TERM dovecot -F -c "$folder/dovecot.conf"
  launch mail-exim TERM exim4 -C "$folder/exim.conf" -bdf -q1m
  wait_until 60 mail-dovecot curl -fsS -m 5 "imap://127.0.0.1:$imap/" \
    --user digest@support.test:digest-password --request 'STATUS INBOX (MESSAGES)'
  wait_until 60 mail-exim sh -c "openssl s_client -brief -verify_return_error -verify_ip 127.0.0.1 \
    -CAfile '$folder/ca.pem' -starttls smtp -connect 127.0.0.1:$smtp < /dev/null"

  publish SMTP_HOST 127.0.0.1
  publish SMTP_PORT "$smtp"
  publish SMTP_USER groundswell
  publish SMTP_PASSWORD smtp-password
  publish SMTP_CA_FILE "$folder/ca.pem"
  publish IMAP_PORT "$imap"
  publish IMAP_USER digest@support.test
  publish IMAP_PASSWORD digest-password
  publish IMAPS_PORT "$imaps"
  publish LMTP_PORT "$lmtp"
  publish MAILBOX_DOMAIN support.test
  publish MAILBOX_PASSWORD support-password
}

# A certificate authority of our own and a server certificate from it. One self-signed certificate
# for both would not do: rustls refuses an authority's certificate as a server's.
make_certificate() {
  (
    cd "$1" || exit 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
      -subj '/CN=Groundswell tests' -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -subj '/CN=localhost' -keyout key.pem -out request.pem
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' > extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
      -extfile extensions -out cert.pem
    chown Debian-exim key.pem
  ) >> "$RUN/logs/mail-certificate.log" 2>&1
}
