"""Makes histories of a model registry with GTO's own API, over commits that DVC has made, and prints what GTO makes of them.

usage: histories.py FOLDER STORE SEED COUNT
  STORE  base URL of a web server for FOLDER/store, where DVC keeps the models
prints a JSON line with what `dvc get` brings of each commit, as hexadecimal sha256, {commit: {artifact: sha256}}, and then one for each
history: {"repository", "tags": [{"name", "commit", "taggedAt"}], "show": {...}}; show is null where GTO refuses

First come the cases below, then COUNT more by chance. The same seed gives the same ones: time is counted here, not taken from the clock.
"""

import functools
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

# What DVC has to say is not what is asked for here.
(printed, sys.stdout) = (sys.stdout, sys.stderr)
FOLDER, STORE, SEED, COUNT = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
os.environ.update(HOME=str(FOLDER), DVC_NO_ANALYTICS="1", DVC_SITE_CACHE_DIR=str(FOLDER / "site"))
os.environ.update(GIT_AUTHOR_NAME="Ada", GIT_AUTHOR_EMAIL="ada@example.com")
os.environ.update(GIT_COMMITTER_NAME="Ada", GIT_COMMITTER_EMAIL="ada@example.com")
os.environ.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")

from dulwich import porcelain
from dulwich.objects import Tag
from dvc.repo import Repo
from gto import api, index, registry
from gto.exceptions import GTOException
from scmrepo.git import Git
from scmrepo.git.backend.pygit2 import Pygit2Backend

ARTIFACTS = ["fraud", "models/eu:fraud"]
MODELS = {"fraud": "model.bin", "models/eu:fraud": "models/eu/fraud.pkl"}
MOST_COMMITS = 6
STAGES = ["prod", "staging", "shadow/eu"]
VERSIONS = ["v1.0.0", "v1.0.0-rc.1", "v1.0.0-rc.10", "v1.0.0-rc.2", "v0.9.0", "v1.10.0", "v1.9.0"]
VERSIONS += ["v2.0.0+cu12", "v2.0.0+cu13", "v2.0.0-alpha"]

# What people do, and how often.
DOINGS = {"register": 30, "assign": 34, "unassign": 16, "deregister": 6, "deprecate": 3, "delete": 2, "by hand": 12, "light": 1}

# What chance seldom brings: tags by name, with the number of their commit and the second in which they were made.
CASES = [
    # Taken out of a stage without ever having been a version: it stays there.
    [("fraud#prod", 0, 0), ("fraud#prod!", 0, 1)],
    [("fraud#prod", 0, 0), ("fraud#prod!", 0, 1), ("fraud@v1.0.0", 0, 2)],
    # Nothing but build metadata, or nothing at all, between two.
    [("fraud@v1.0.0+a", 0, 0), ("fraud@v1.0.0+b", 1, 0)],
    [("fraud@v1.0.0+b", 0, 0), ("fraud@v1.0.0+a", 1, 1)],
    [("fraud@v1.0.0", 0, 5), ("fraud@v1.0.0#2", 1, 5)],
    # All in one second.
    [("fraud@v1.0.0", 0, 0), ("fraud@v2.0.0", 1, 0), ("fraud#prod#1", 0, 0), ("fraud#prod#2", 1, 0)],
    [("fraud@v2.0.0", 0, 0), ("fraud@v1.0.0", 1, 1), ("fraud#prod#1", 0, 2), ("fraud#prod#2", 1, 2)],
    [("fraud@v1.0.0", 0, 0), ("fraud#prod#1", 0, 2), ("fraud#prod#2", 1, 2), ("fraud#prod#3", 2, 2)],
    [("fraud@v1.0.0", 0, 0), ("fraud@v1.0.0!", 0, 0), ("fraud#prod", 0, 0)],
    [("fraud@v1.0.0", 0, 0), ("fraud#prod", 0, 1), ("fraud#prod!", 0, 1)],
    [("fraud@v1.0.0", 0, 1), ("fraud@deprecated", 0, 1)],
    [("fraud@v1.0.0", 0, 0), ("fraud@deprecated", 0, 1), ("fraud#prod!", 1, 1)],
    # Deregistered where it never was a version.
    [("fraud@v1.0.0", 0, 0), ("fraud@v1.0.0!", 1, 1), ("fraud#prod", 1, 2), ("fraud#prod#2", 0, 1)],
    # Two versions at one commit.
    [("fraud@v1.0.0", 0, 0), ("fraud@v1.0.1", 0, 1), ("other#prod", 0, 2)],
    [("fraud@v1.0.0", 0, 0), ("fraud@v1.0.1", 0, 1), ("fraud#prod", 0, 2)],
    [("fraud@v1.0.0", 0, 0), ("fraud@v1.0.1!", 0, 1), ("fraud#prod", 0, 2)],
    # Not what it seems.
    [(tag, 0, 0) for tag in ["fraud@v1.0.0-", "fraud@v1.0.0.0", "fraud@V1.0.0", "fraud@v01.0.0", "fraud-@v1.0.0", "f@v1.0.0"]],
    [(tag, 0, 0) for tag in ["a.b/c_d=fraud@v1.0.0-a.b-c.1+x.y#12", "x/y=z/z_1#a/b-c#3", "=x@v1.0.0", "a=b=c@v1.0.0", "x.y@v1.0.0"]],
]

now = 0


def not_by_libgit2(*_args, **_options):
    """libgit2 takes the time from the system; dulwich, the next to be asked, asks Python for it."""
    raise NotImplementedError


Pygit2Backend.tag = not_by_libgit2

# None of the repositories has a .gto file, and looking for it is most of what GTO would do.
index.read_registry_config = registry.read_registry_config = functools.lru_cache(registry.read_registry_config)


def tick(rng):
    """Mostly some seconds later; sometimes within the same second, and sometimes on a machine whose clock is late."""
    global now
    now += rng.choices([rng.randint(1, 5000), 0, -rng.randint(1, 3000)], [62, 30, 8])[0]


def step(rng, repository, commits, registered):
    """One thing that people do. What GTO refuses changes nothing and is part of the history all the same."""
    name, stage, commit, version = (rng.choice(x) for x in (ARTIFACTS, STAGES, commits, VERSIONS))
    if registered and rng.random() < 0.8:
        name, version = rng.choice(registered)
    what = {"version": version} if rng.random() < 0.8 else {"ref": commit}
    force = rng.random() < 0.5
    doing = rng.choices(list(DOINGS), list(DOINGS.values()))[0]
    try:
        if doing == "register":
            name, version = rng.choice(ARTIFACTS), None if rng.random() < 0.3 else rng.choice(VERSIONS)
            made = api.register(repository, name, commit, version=version, simple=rng.random() < 0.8, force=force)
            registered.append((name, made.version))
        elif doing == "assign":
            api.assign(repository, name, stage, **what, force=force, skip_registration=rng.random() < 0.3, simple=rng.random() < 0.2)
        elif doing == "unassign":
            api.unassign(repository, name, stage=stage, **what, force=rng.random() < 0.2)
        elif doing == "deregister":
            api.deregister(repository, name, **what, force=force)
        elif doing == "deprecate":
            api.deprecate(repository, name, force=force)
        elif doing == "delete":
            api.unassign(repository, name, stage=stage, **what, delete=True)
        elif doing == "by hand":
            tag = name.replace(":", "=")
            hand = [f"{tag}@{version}", f"{tag}@{version}!", f"{tag}#{stage}#70", f"{tag}#{stage}!", f"{tag}#{stage}!#71"]
            hand += [f"{tag}@v1", f"{tag}@deprecated#9", "v1.0.0"]
            porcelain.tag_create(repository, os.fsencode(rng.choice(hand)), objectish=commit, annotated=True, message=b"by hand")
        else:
            porcelain.tag_create(repository, os.fsencode(f"{name.replace(':', '=')}#{stage}#99"), objectish=commit)
    except (GTOException, porcelain.Error):
        pass


def git(*args, at=0):
    dates = {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
    done = subprocess.run(["git", *args], cwd=FOLDER / "base", check=True, capture_output=True, text=True, env={**os.environ, **dates})
    return done.stdout.strip()


def write(path, content):
    file = FOLDER / "base" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def models():
    """Commits of a repository in which DVC keeps a model for each artifact, another one each time."""
    (FOLDER / "base").mkdir()
    os.chdir(FOLDER / "base")
    git("init", "-q", "-b", "main")
    Repo.init(".").close()
    write(".dvc/config", f"[core]\n    remote = web\n['remote \"web\"']\n    url = {STORE}\n")
    write(".dvc/config.local", f"['remote \"disk\"']\n    url = {FOLDER / 'store'}\n")
    write("dvc.yaml", "artifacts:\n  fraud: {path: model.bin}\n")
    write("models/eu/dvc.yaml", "artifacts:\n  fraud: {path: fraud.pkl}\n")
    for number in range(MOST_COMMITS):
        for path in MODELS.values():
            write(path, f"{path} of commit {number}\n")
        with Repo(".") as repo:
            repo.add(list(MODELS.values()))
            repo.push(remote="disk")
        git("add", "--all")
        git("commit", "-q", "-m", "work", at=1_700_000_000 + 60 * number)
        yield git("rev-parse", "HEAD")


def got(commit, path):
    to = FOLDER / "got" / commit / path
    to.parent.mkdir(parents=True)
    Repo.get(str(FOLDER / "base"), path, out=str(to), rev=commit)
    return hashlib.sha256(to.read_bytes()).hexdigest()


def commits_in(repository, commits, count):
    """A clone that has the first commits alone."""
    global now
    shutil.copytree(FOLDER / "base/.git", Path(repository) / ".git")
    (Path(repository) / ".git/refs/heads/main").write_text(f"{commits[count - 1]}\n")
    now = 1_700_100_000
    return commits[:count]


def by_chance(rng, repository, all_commits):
    commits, registered = commits_in(repository, all_commits, rng.randint(2, MOST_COMMITS)), []
    for _ in range(rng.randint(6, 24)):
        tick(rng)
        step(rng, repository, commits, registered)


def by_hand(case, repository, all_commits):
    global now
    commits = commits_in(repository, all_commits, 3)
    start = now
    for tag, commit, second in case:
        now = start + second
        porcelain.tag_create(repository, os.fsencode(tag), objectish=commits[commit], annotated=True, message=b"by hand")


def tags_of(repository):
    scm = Git(repository)
    repo = scm.dulwich.repo
    found = []
    for name in scm.list_tags():
        tag = repo[repo.refs[os.fsencode(f"refs/tags/{name}")]]
        if isinstance(tag, Tag):
            found.append({"name": name, "commit": tag.object[1].decode(), "taggedAt": tag.tag_time})
    scm.close()
    return found


def main():
    commits = list(models())
    print(json.dumps({commit: {name: got(commit, path) for name, path in MODELS.items()} for commit in commits}), file=printed)
    time.time = lambda: float(now)
    makers = [functools.partial(by_hand, case) for case in CASES]
    makers += [functools.partial(by_chance, random.Random(f"{SEED}-{number}")) for number in range(COUNT)]
    for number, make in enumerate(makers):
        repository = str(FOLDER / f"history-{number}")
        make(repository, commits)
        line = {"repository": repository, "tags": tags_of(repository), "show": None}
        try:
            # What `gto show --json` prints.
            line["show"] = api.show(repository)
        except GTOException:
            pass
        print(json.dumps(line), file=printed)


main()
