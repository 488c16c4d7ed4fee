/**
 * A program for the Python in the image of a server, of 3.8 and later: the versions of the packages in PLIMSOLL_PACKAGES, a JSON list of
 * normalised names, in the order of that list; null for what is not installed. Its answer goes into the file that is its first argument:
 * JSON, deflated since kubelet keeps 4096 bytes of it.
 */
export const INSPECT_PROGRAM = `
import base64, json, os, platform, re, sys, zlib
from importlib import metadata

asked = json.loads(os.environ["PLIMSOLL_PACKAGES"])
found = {}
for distribution in metadata.distributions():
    try:
        name = re.sub("[-_.]+", "-", distribution.metadata["Name"]).lower()
        version = str(distribution.version)
    except Exception:
        continue
    found.setdefault(name, version)
versions = [found.get(name) for name in asked]
answer = {"python": platform.python_version().rstrip("+"), "machine": platform.machine(), "versions": versions}
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
packed = packer.compress(json.dumps(answer, separators=(",", ":")).encode()) + packer.flush()
text = json.dumps({"inspected": base64.b64encode(packed).decode()})
with open(sys.argv[1], "w") as file:
    file.write(text)
`.trimStart();
