"""Prints pep440.cases.json: what the library `packaging`, by which pip decides, says of versions and ranges. Usage: python pep440.cases.py"""
import json
import random

import packaging
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

VERSIONS = (
    "1 1.0 1.0.0 1.0.1 1.1 1.10 1.2 2 2.0 2.0.1 0.9 1.0a1 1.0b2 1.0rc1 1.0rc2 1.0.dev1 1.0a1.dev3 1.0.post1 1.0.post2 1.0.post1.dev2 "
    "1.0rc1.post1 1.0+cu12 1.0+cu121.1 1.0+abc 2.5.1+cpu 2.5.1 1!1.0 1!0.5 2024.1 2024.1.post3 v1.0 1.0-1 1.0-rc.1 1.0.ALPHA.2 1.0c3 "
    "1.0preview1 1.0.r4 1.0-rev5 1.7.post2 3.11.9 1.4.5a4 2.2.post3 2.2rc1 0.0.0 1.0.0.0.1"
).split()
OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "~=", "==="]

chance = random.Random(7)


def clause():
    operator, version = chance.choice(OPERATORS), chance.choice(VERSIONS)
    if operator in ("==", "!=") and chance.random() < 0.5:
        version = ".".join(version.replace("v", "").split(".")[: chance.randint(1, 2)]) + ".*"
    return operator + chance.choice(["", " "]) + version


cases = {}
while len(cases) < 1000:
    version, text = chance.choice(VERSIONS), ",".join(clause() for _ in range(chance.choice([1, 1, 1, 2])))
    # Arbitrary equality is about letters, and what is installed is written in the normal form.
    if "===" in text and str(Version(version)) != version:
        continue
    try:
        cases[version, text] = SpecifierSet(text).contains(version, prereleases=True)
    except InvalidSpecifier:
        cases[version, text] = None
print(json.dumps({
    "madeBy": f"packaging {packaging.__version__}",
    "order": [version for version in sorted(VERSIONS, key=Version)],
    "cases": [[*key, result] for key, result in cases.items()],
}))
