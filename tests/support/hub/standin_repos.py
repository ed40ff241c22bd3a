"""Stand-in for the Hub's repositories: the routes that huggingface_hub uses for files, commits, branches, tags and PRs.

Whose token it is says the stand-in Hub (`users` by token). A private repository is not there for others; only its owner
writes to it, but anybody may propose a change to one that they see.
"""

import json
from collections.abc import Callable
from typing import Any, get_args
from urllib.parse import unquote

import yaml  # type: ignore[import-untyped]
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.support.hub import standin_discussions as discussions
from tests.support.hub.repo_store import (
    WHEN,
    Commit,
    Kind,
    PullRequest,
    Repo,
    RepoFault,
    RepoStore,
    blob_id,
    changed,
    history,
    refs,
    tree,
)
from tests.support.hub.standin_lfs import StandinLfs

KINDS = {f"{kind}s": kind for kind in get_args(Kind)}
METHODS = ["GET", "HEAD", "POST", "DELETE"]


class StandinRepos:
    """`user_of`: the name behind a token, None for one that is none. `url`: where this Hub is reached."""

    def __init__(self, user_of: Callable[[str], str | None], url: Callable[[], str]) -> None:
        self.store = RepoStore()
        self._user_of = user_of
        self._url = url
        self.lfs = StandinLfs(url)

    def repo(self, kind: Kind, repo_id: str) -> Repo:
        """A repository that is there."""
        return self.store.repos[kind, repo_id]

    def routes(self) -> list[BaseRoute]:
        """The routing table; revisions and paths in it hold slashes as `%2F`, so the last part is read raw."""
        repos = [
            Route(f"/api/{kinds}/{{owner}}/{{name}}{rest}", self._api, methods=METHODS)
            for kinds in KINDS
            for rest in ("", "/{verb:path}")
        ]
        files = [
            Route(f"{prefix}/{{owner}}/{{name}}/resolve/{{rest:path}}", self._resolve, methods=["GET", "HEAD"])
            for prefix in ("/datasets", "/spaces", "")
        ]
        return [
            Route("/api/repos/create", self._create, methods=["POST"]),
            Route("/api/repos/delete", self._delete, methods=["DELETE"]),
            Route("/api/validate-yaml", self._validate, methods=["POST"]),
            *self.lfs.routes(),
            *repos,
            *files,
        ]

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        kind: Kind = body.get("type") or "model"
        page = ""
        try:
            user = self._writer(request)
            repo_id = f"{body.get('organization') or user}/{body['name']}"
            if repo_id.partition("/")[0] != user:
                raise RepoFault(403, f"You don't have the rights to create a {kind} under this namespace")
            page = self._page(kind, repo_id)
            private = bool(body.get("private")) or body.get("visibility") == "private"
            self.store.create(kind, repo_id, private=private, by=user, sdk=body.get("sdk"))
        except RepoFault as fault:
            return refused(fault, page)
        return JSONResponse({"url": page, "name": repo_id, "id": repo_id})

    async def _delete(self, request: Request) -> Response:
        body = await request.json()
        try:
            user = self._writer(request)
            repo_id = f"{body.get('organization') or user}/{body['name']}"
            repo = self._seen(request, body.get("type") or "model", repo_id)
            self._own(request, repo)
        except RepoFault as fault:
            return refused(fault)
        del self.store.repos[repo.kind, repo.repo_id]
        return JSONResponse({})

    async def _validate(self, request: Request) -> Response:
        _, _, rest = (await request.json())["content"].partition("---\n")
        try:
            yaml.safe_load(rest.partition("\n---")[0])
        except yaml.YAMLError as error:
            return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
        return JSONResponse({"errors": [], "warnings": []})

    async def _api(self, request: Request) -> Response:
        kinds, owner, name, *rest = raw_parts(request)[1:]
        verb, arguments = (rest[0], [unquote(part) for part in rest[1:]]) if rest else ("", [])
        verbs: dict[str, Callable[..., Any]] = {
            "GET ": self._info,
            "GET revision": self._info,
            "GET tree": self._tree,
            "POST paths-info": self._paths_info,
            "POST preupload": self._preupload,
            "POST commit": self._commit,
            "GET commits": self._commits,
            "GET refs": self._refs,
            "POST branch": self._add_branch,
            "DELETE branch": self._drop_branch,
            "POST tag": self._add_tag,
            "DELETE tag": self._drop_tag,
            "GET discussions": self._discussions,
            "POST discussions": self._discuss,
        }
        try:
            repo = self._seen(request, KINDS[kinds], f"{unquote(owner)}/{unquote(name)}")
            found = verbs.get(f"{request.method} {verb}")
            if found is None:
                raise RepoFault(404, f"the stand-in has no {request.method} {verb}")
            result = await found(request, repo, *arguments)
        except RepoFault as fault:
            return refused(fault)
        return JSONResponse(result)

    async def _info(self, request: Request, repo: Repo, revision: str = "main") -> object:
        commit = repo.at(revision)
        blobs = request.query_params.get("blobs")
        return {
            "_id": blob_id(repo.repo_id.encode())[:24],
            "id": repo.repo_id,
            "author": repo.owner,
            "sha": commit.oid,
            "private": repo.private,
            "disabled": False,
            "gated": False,
            "lastModified": WHEN,
            "createdAt": WHEN,
            "likes": 0,
            "downloads": 0,
            "tags": [],
            "sdk": repo.sdk,
            "siblings": [
                {"rfilename": path, **({"size": len(data), "blobId": blob_id(data)} if blobs else {})}
                for path, data in sorted(commit.files.items())
            ],
        }

    async def _tree(self, request: Request, repo: Repo, revision: str, path: str = "") -> object:
        return tree(repo.at(revision), path, request.query_params.get("recursive", "false").lower() in ("true", "1"))

    async def _paths_info(self, request: Request, repo: Repo, revision: str) -> object:
        commit = repo.at(revision)
        form = await request.form()
        wanted = {str(path).strip("/") for path in form.getlist("paths")}
        return [entry for entry in tree(commit, "", recursive=True) if entry["path"] in wanted]

    async def _preupload(self, request: Request, repo: Repo, revision: str) -> object:
        self._may_change(request, repo)
        there = repo.at(revision).files
        files = (await request.json())["files"]
        return {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": self.lfs.mode(file["path"]),
                    "shouldIgnore": False,
                    "oid": blob_id(there[file["path"]]) if file["path"] in there else None,
                }
                for file in files
            ]
        }

    async def _commit(self, request: Request, repo: Repo, revision: str) -> object:
        user = self._may_change(request, repo)
        header, *operations = [json.loads(line) for line in (await request.body()).splitlines()]
        title, text = header["value"]["summary"], header["value"].get("description", "")
        base = repo.at(revision)
        expected = header["value"].get("parentCommit")
        if expected is not None and expected != base.oid:
            raise RepoFault(412, "A commit has happened since. Please refresh and try again.")
        files = changed(base.files, [self.lfs.whole(operation) for operation in operations])
        if request.query_params.get("create_pr"):
            num = len(repo.pulls) + 1
            repo.pulls[num] = PullRequest(num, title, text, user)
            repo.pull_heads[num] = made = self.store.new_commit(user, title, text, files, base)
            proposed = f"{self._page(repo.kind, repo.repo_id)}/discussions/{num}"
        else:
            made = self.store.new_commit(user, title, text, files, base)
            proposed = ""
            self._point(repo, revision, made)
        url = f"{self._page(repo.kind, repo.repo_id)}/commit/{made.oid}"
        return {"success": True, "commitUrl": url, "commitOid": made.oid, "pullRequestUrl": proposed or None}

    def _point(self, repo: Repo, revision: str, commit: Commit) -> None:
        if revision.startswith("refs/pr/"):
            repo.pull_heads[int(revision.rpartition("/")[2])] = commit
        elif revision in repo.branches:
            repo.branches[revision] = commit
        else:
            raise RepoFault(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    async def _commits(self, request: Request, repo: Repo, revision: str) -> object:
        return [
            {"id": one.oid, "title": one.title, "message": one.message, "authors": [{"user": one.author}], "date": WHEN}
            for one in history(repo.at(revision))
        ]

    async def _refs(self, request: Request, repo: Repo) -> object:
        pulls = {str(num): head for num, head in repo.pull_heads.items()}
        proposed = {"pullRequests": refs("refs/pr/", pulls)} if request.query_params.get("include_prs") else {}
        return {
            "branches": refs("refs/heads/", repo.branches),
            "converts": [],
            "tags": refs("refs/tags/", repo.tags),
            **proposed,
        }

    async def _add_branch(self, request: Request, repo: Repo, branch: str) -> object:
        self._own(request, repo)
        start = (await request.json()).get("startingPoint") or "main"
        if branch in repo.branches:
            raise RepoFault(409, "Reference already exists")
        repo.branches[branch] = repo.at(start)
        return {}

    async def _drop_branch(self, request: Request, repo: Repo, branch: str) -> object:
        self._own(request, repo)
        if branch == "main":
            raise RepoFault(403, "You can't delete the main branch")
        if repo.branches.pop(branch, None) is None:
            raise RepoFault(404, "Reference does not exist", "RevisionNotFound")
        return {}

    async def _add_tag(self, request: Request, repo: Repo, revision: str) -> object:
        self._own(request, repo)
        tag = (await request.json())["tag"]
        if tag in repo.tags:
            raise RepoFault(409, "Tag reference exists already")
        repo.tags[tag] = repo.at(revision)
        return {}

    async def _drop_tag(self, request: Request, repo: Repo, tag: str) -> object:
        self._own(request, repo)
        if repo.tags.pop(tag, None) is None:
            raise RepoFault(404, "Reference does not exist", "RevisionNotFound")
        return {}

    async def _discussions(self, request: Request, repo: Repo, num: str = "") -> object:
        return discussions.details(repo, self._pull(repo, num)) if num else discussions.listed(request, repo)

    async def _discuss(self, request: Request, repo: Repo, num: str = "", verb: str = "") -> object:
        user = self._writer(request)
        body = await request.json() if await request.body() else {}
        if not num:
            return discussions.create(repo, user, body)
        return discussions.change(repo, self._pull(repo, num), user, verb, body)

    def _pull(self, repo: Repo, num: str) -> PullRequest:
        found = repo.pulls.get(int(num))
        if found is None:
            raise RepoFault(404, "Discussion not found")
        return found

    async def _resolve(self, request: Request) -> Response:
        parts = raw_parts(request)
        kind: Kind = KINDS[parts.pop(0)] if parts[0] in KINDS else "model"
        owner, name, _, revision, *path = map(unquote, parts)
        try:
            repo = self._seen(request, kind, f"{owner}/{name}")
            commit = repo.at(revision)
            data = commit.files.get("/".join(path))
            if data is None:
                raise RepoFault(404, "Entry not found", "EntryNotFound")
        except RepoFault as fault:
            return refused(fault)
        headers = {"etag": f'"{blob_id(data)}"', "x-repo-commit": commit.oid, "accept-ranges": "bytes"}
        first, _, last = request.headers.get("range", "").removeprefix("bytes=").partition("-")
        if not first:
            return Response(data, headers=headers, media_type="application/octet-stream")
        part = data[int(first) : int(last) + 1 if last else None]
        headers["content-range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        return Response(part, 206, headers=headers, media_type="application/octet-stream")

    def _token(self, request: Request) -> str:
        return request.headers.get("authorization", "").removeprefix("Bearer ")

    def _writer(self, request: Request) -> str:
        user = self._user_of(self._token(request))
        if user is None:
            raise RepoFault(401, "Invalid credentials in Authorization header")
        return user

    def _seen(self, request: Request, kind: Kind, repo_id: str) -> Repo:
        token = self._token(request)
        user = self._writer(request) if token else None
        repo = self.store.repos.get((kind, repo_id))
        if repo is None or (repo.private and repo.owner != user):
            raise RepoFault(404 if user else 401, "Repository not found", "RepoNotFound")
        return repo

    def _own(self, request: Request, repo: Repo) -> str:
        user = self._writer(request)
        if user != repo.owner:
            raise RepoFault(403, "You don't have the required permissions to perform this action")
        return user

    def _may_change(self, request: Request, repo: Repo) -> str:
        return self._writer(request) if request.query_params.get("create_pr") else self._own(request, repo)

    def _page(self, kind: Kind, repo_id: str) -> str:
        return f"{self._url()}/{'' if kind == 'model' else kind + 's/'}{repo_id}"


def refused(fault: RepoFault, url: str = "") -> Response:
    """As the Hub says it: in the body and, for its client, in headers."""
    headers = {"x-error-message": str(fault), **({"x-error-code": fault.code} if fault.code else {})}
    return JSONResponse({"error": str(fault), **({"url": url} if url else {})}, fault.status, headers)


def raw_parts(request: Request) -> list[str]:
    """The segments of the path as they were sent."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode().lstrip("/").split("/")
