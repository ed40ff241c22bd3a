"""Dataset upload: puts a file into its owner's private dataset, which is created if it is missing."""

from typing import TYPE_CHECKING, BinaryIO

import msgspec

from agent.hub.client import HubClient, Token
from agent.hub.errors import HubRefusal

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class DatasetFile(msgspec.Struct, frozen=True):
    """A file and its place. `repo`: the dataset, with `{user}` for the owner's name; `file`: read from its beginning."""

    repo: str
    path: str
    file: BinaryIO
    message: str


async def upload_to_private_dataset(hub: HubClient, upload: DatasetFile, timeout_s: float) -> None:
    """Upload the file; one of the same path is replaced. Raises HubError, also if the dataset is public."""
    repo_id = upload.repo.replace("{user}", await hub.owner())

    def work(api: "HfApi", token: Token) -> None:
        api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True, token=token)
        if not api.dataset_info(repo_id, token=token).private:
            raise HubRefusal(f"the dataset {repo_id} is public: make it private, then the upload is tried again")
        api.upload_file(
            path_or_fileobj=upload.file,
            path_in_repo=upload.path,
            repo_id=repo_id,
            repo_type="dataset",
            commit_message=upload.message,
            token=token,
        )

    await hub.ask(work, timeout_s)
