"""Makes repositories with DVC and GTO themselves, pushes what they keep, and gets it back as people do.

usage: repositories.py FOLDER STORE GIT S3 WANTED
  FOLDER  where the repositories are made (repositories/), the store that STORE serves (store/), and what DVC gets back (got/)
  STORE   base URL of a web server for FOLDER/store; GIT of one for the repositories; S3 of an S3-compatible server
  WANTED  what DVC shall get back: a JSON list of [repository, path, number of the commit]
prints JSON: {"commits": {repository: [commit, ...]}, "got": [{"url", "folder"}, ...], "shown": [{"rev", "path"}, ...]}
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

FOLDER, STORE, GIT, S3, WANTED = Path(sys.argv[1]), *sys.argv[2:5], json.loads(sys.argv[5])
os.environ.update(HOME=str(FOLDER), DVC_NO_ANALYTICS="1", DVC_SITE_CACHE_DIR=str(FOLDER / "site"), GIT_CONFIG_NOSYSTEM="1")
os.environ.update(GIT_AUTHOR_NAME="Ada", GIT_AUTHOR_EMAIL="ada@example.com")
os.environ.update(GIT_COMMITTER_NAME="Ada", GIT_COMMITTER_EMAIL="ada@example.com")
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")

import dvc.api
from dvc.config import NoRemoteError
from dvc.exceptions import OutputNotFoundError
from dvc.repo import Repo
from dvc_data.hashfile.hash import file_md5
from gto import api as gto
from scmrepo.git.backend.pygit2 import Pygit2Backend

clock = 1_700_000_000


@contextlib.contextmanager
def next_second():
    """GTO takes the time of a tag from Python (see histories.py), and here each tag is made a second later."""
    global clock
    clock += 1
    (real, time.time) = (time.time, lambda: float(clock))
    try:
        yield
    finally:
        time.time = real


def not_by_libgit2(*_args, **_options):
    raise NotImplementedError


Pygit2Backend.tag = not_by_libgit2


def git(folder, *args):
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def write(folder, files):
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())


def commit(folder, message):
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def start(name, config, local=""):
    folder = FOLDER / "repositories" / name
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    repo = Repo.init(str(folder))
    repo.close()
    write(folder, {".dvc/config": config, ".dvc/config.local": local})
    return folder


@contextlib.contextmanager
def working(folder):
    """DVC takes paths from where it is run."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        with Repo() as repo:
            yield repo
    finally:
        os.chdir(before)


def legacy(folder):
    """Files as DVC 2 left them: no word of the hash, another checksum for text, and objects without a folder of their own."""
    texts = {"a.txt": b"one\r\ntwo\r\n", "sub/b.bin": b"\0\r\n"}
    for path, content in texts.items():
        write(FOLDER / "tmp", {path: content})
    md5 = {path: file_md5(str(FOLDER / "tmp" / path), name="md5-dos2unix") for path in texts}
    listed = json.dumps([{"md5": value, "relpath": path} for path, value in sorted(md5.items())], sort_keys=True).encode()
    write(FOLDER / "tmp", {"list": listed})
    of_folder = file_md5(str(FOLDER / "tmp" / "list"), name="md5-dos2unix")
    objects = {f"{md5[path][:2]}/{md5[path][2:]}": content for path, content in texts.items()}
    write(FOLDER / "store", {**objects, f"{of_folder[:2]}/{of_folder[2:]}.dir": listed})
    write(folder, {"old/a.txt.dvc": f"outs:\n- md5: {md5['a.txt']}\n  size: 10\n  path: a.txt\n"})
    write(folder, {"old/all.dvc": f"outs:\n- md5: {of_folder}.dir\n  size: 13\n  nfiles: 2\n  path: all\n"})
    write(folder, {"old/.gitignore": "/a.txt\n/all\n"})


ARTIFACTS = "artifacts:\n  fraud:\n    path: fraud.pkl\n    type: model\n    desc: finds fraud\n    labels: [risk, eu]\n"
TRAIN = """cp params.yaml model.pkl
echo '{"auc": 0.947, "by": {"eu": 0.9}}' > metrics.json
"""
PIPE = """vars: [{x: made}]
stages:
  step:
    wdir: ../work
    cmd: sh step.sh
    deps: [step.sh]
    outs: [made.bin]
artifacts:
  filled: {path: '${x}.pkl'}
"""


def remote(name, url, *more):
    return "".join([f"['remote \"{name}\"']\n", *(f"    {line}\n" for line in [f"url = {url}", *more])])


def default(name):
    return f"[core]\n    remote = {name}\n"


def fraud():
    remotes = remote("store", STORE) + remote("bucket", "s3://models/dvc", f"endpointurl = {S3}")
    folder = start("fraud", default("store") + remotes, remote("disk", FOLDER / "store"))
    write(folder, {"train.sh": TRAIN, "params.yaml": "lr: 0.10\nmodel: {depth: 3}\n", "plain.bin": b"\0git\r\n", "data/a.csv": "a\n"})
    write(folder, {"data/sub/b.csv": "b\n" * 9, "models/eu/fraud.pkl": b"fraud one\r\n", "models/eu/dvc.yaml": ARTIFACTS})
    write(folder, {"digits/model.bin": os.urandom(3_000_000), "digits/empty": b"", "digits/a b/ü.txt": "text\r\n"})
    write(folder, {"mixed/readme.md": "read\n"})
    write(folder, {"mixed/weights.bin": b"\1" * 1000, "mixed/tokens/t.json": "{}", "mixed/tokens/u.json": "[]"})
    write(folder, {"work/step.sh": "cp step.sh made.bin\n"})
    with working(folder) as repo:
        for path in ["data", "models/eu/fraud.pkl", "digits", "mixed/weights.bin", "mixed/tokens"]:
            repo.add(path)
        made = {"params": ["lr", "model.depth"], "outs": ["model.pkl"], "metrics_no_cache": ["metrics.json"]}
        repo.stage.add(name="train", cmd="sh train.sh", deps=["data", "train.sh"], **made)
    write(folder, {"pipe/dvc.yaml": PIPE})
    write(folder, {"dvc.yaml": (folder / "dvc.yaml").read_text() + "artifacts:\n  digits: {path: digits}\n"})
    git(folder, "add", "--all")
    with working(folder) as repo:
        repo.reproduce()
        repo.reproduce("pipe/dvc.yaml")
    legacy(folder)
    team = folder / "team"
    team.mkdir()
    before = os.getcwd()
    os.chdir(team)
    Repo.init(".", subdir=True).close()
    os.chdir(before)
    write(team, {".dvc/config": default("own") + remote("own", f"{STORE}/team"), "t.bin": b"team", "readme": "team\n"})
    write(team, {".dvc/config.local": remote("disk", FOLDER / "store/team")})
    with working(team) as repo:
        repo.add("t.bin")
        repo.push(remote="disk")
    with working(folder) as repo:
        repo.push(remote="disk")
        repo.push(remote="bucket")
    commits = [commit(folder, "one")]
    write(folder, {"params.yaml": "lr: 0.20\nmodel: {depth: 3}\n", "models/eu/fraud.pkl": b"fraud two\r\n"})
    with working(folder) as repo:
        repo.add("models/eu/fraud.pkl")
        repo.reproduce()
        repo.push(remote="disk")
    commits.append(commit(folder, "two"))
    one, two = commits
    name = "models/eu:fraud"
    for step in [
        lambda: gto.register(str(folder), name, one, version="v1.0.0"),
        lambda: gto.register(str(folder), name, two, version="v1.1.0"),
        lambda: gto.register(str(folder), name, git(folder, "commit-tree", "-m", "x", f"{two}^{{tree}}", "-p", two), version="v1.2.0-rc.1"),
        lambda: gto.assign(str(folder), name, "prod", version="v1.0.0"),
        lambda: gto.assign(str(folder), name, "prod", version="v1.1.0"),
        lambda: gto.unassign(str(folder), name, version="v1.1.0", stage="prod"),
        lambda: gto.assign(str(folder), name, "staging", version="v1.1.0"),
        lambda: gto.register(str(folder), "digits", one, version="v0.1.0"),
        lambda: gto.register(str(folder), "pipe:filled", one, version="v0.1.0"),
        lambda: gto.register(str(folder), "nowhere", one, version="v0.1.0"),
    ]:
        with next_second():
            step()
    write(folder, {"later.txt": "later\n"})
    commits.append(commit(folder, "three"))
    return commits


def versions():
    kept = remote("kept", "s3://versions/kept", f"endpointurl = {S3}", "version_aware = true")
    folder = start("versions", default("kept") + kept)
    commits = []
    for content in ["one", "two"]:
        write(folder, {"sub/m.bin": content, "sub/all/x/a": f"a {content}", "sub/all/b": "b"})
        with working(folder) as repo:
            repo.add(["sub/m.bin", "sub/all"])
            repo.push()
        commits.append(commit(folder, content))
    return commits


def got(number, repository, path, revision):
    url = f"{GIT}/{repository}/.git"
    folder = FOLDER / "got" / str(number)
    folder.mkdir(parents=True)
    Repo.get(url, path, out=str(folder / Path(path).name), rev=revision)
    try:
        # What `dvc get --show-url` prints: it knows nothing of what lies in Git, or in several objects.
        return {"url": dvc.api.get_url(path, repo=url, rev=revision), "folder": str(folder)}
    except (OutputNotFoundError, NoRemoteError):
        return {"url": None, "folder": str(folder)}


def main():
    commits = {"fraud": fraud(), "versions": versions()}
    brought = [got(number, name, path, commits[name][commit]) for number, (name, path, commit) in enumerate(WANTED)]
    shown = [dvc.api.artifacts_show(*one, repo=f"{GIT}/fraud/.git") for one in [("models/eu:fraud", "v1.0.0"), ("digits", "v0.1.0")]]
    print(json.dumps({"commits": commits, "got": brought, "shown": shown}))


main()
