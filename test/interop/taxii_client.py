"""Fetches what is published with OASIS' own TAXII 2.1 client and parses it with OASIS' own STIX and pattern libraries.

taxii_client.py DISCOVERY_URL USER CA_FILE INDICATOR_ID; the key comes in the environment as HINOMI_KEY. Exit 0 if all held.
"""
import os
import sys

import stix2
from stix2patterns.v21.pattern import Pattern
from taxii2client.v21 import Server, as_pages

url, user, ca, wanted = sys.argv[1:5]
server = Server(url, user=user, password=os.environ["HINOMI_KEY"], verify=ca)
collection = server.default.collections[0]
objects = []
for envelope in as_pages(collection.get_objects, per_request=2):
    objects += envelope.get("objects", [])
found = [o for o in objects if o["id"] == f"indicator--{wanted}"]
assert found, f"the indicator is not among {[o['id'] for o in objects]}"
manifest = collection.get_manifest()
assert any(o["id"] == found[0]["id"] for o in manifest["objects"]), "not in the manifest"
assert collection.get_object(found[0]["id"])["objects"][0]["pattern"] == found[0]["pattern"]
bundle = stix2.parse({"type": "bundle", "id": "bundle--0b5f64b3-5c0e-4a8e-9d6f-3d2f4b1a7c55", "objects": objects}, allow_custom=False)
assert len(bundle.objects) == len(objects)
Pattern(found[0]["pattern"])
print(f"ok: {len(objects)} objects by taxii2-client, parsed by stix2; pattern {found[0]['pattern']}")
