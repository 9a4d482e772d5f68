"""synapse_account.py URL SECRET NAME: registers a user with the shared secret and makes a room.

Prints the access token and the room's id, with a space between them.
"""
import hashlib
import hmac
import json
import sys
import urllib.request

url, secret, name = sys.argv[1:]
PASSWORD = "test-password"


def call(method, path, body=None, token=None):
    request = urllib.request.Request(url + path, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


nonce = call("GET", "/_synapse/admin/v1/register")["nonce"]
signed = "\0".join([nonce, name, PASSWORD, "notadmin"])
account = call(
    "POST",
    "/_synapse/admin/v1/register",
    {
        "nonce": nonce,
        "username": name,
        "password": PASSWORD,
        "admin": False,
        "mac": hmac.new(secret.encode(), signed.encode(), hashlib.sha1).hexdigest(),
    },
)
token = account["access_token"]
room = call("POST", "/_matrix/client/v3/createRoom", {"name": "Support digests"}, token)
print(token, room["room_id"])
