"""A file into its owner's private dataset, which is made if it is not there."""

from typing import TYPE_CHECKING, BinaryIO

import msgspec

from agent.hub.client import HubClient, Token
from agent.hub.errors import HubRefusal

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class DatasetFile(msgspec.Struct, frozen=True):
    """What goes where. `repo`: the dataset, in which `{user}` stands for the owner's name; `file`: from its beginning."""

    repo: str
    path: str
    file: BinaryIO
    message: str


async def upload_to_private_dataset(hub: HubClient, kept: DatasetFile, timeout_s: float) -> None:
    """Put the file there, in place of one that is there. Raises HubError, also for a dataset that others can read."""
    repo_id = kept.repo.replace("{user}", await hub.owner())

    def work(api: "HfApi", token: Token) -> None:
        api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True, token=token)
        if not api.dataset_info(repo_id, token=token).private:
            raise HubRefusal(f"the dataset {repo_id} is public: make it private, or nothing is kept there")
        api.upload_file(
            path_or_fileobj=kept.file,
            path_in_repo=kept.path,
            repo_id=repo_id,
            repo_type="dataset",
            commit_message=kept.message,
            token=token,
        )

    await hub.ask(work, timeout_s)
