"""Who to ask for a stream's stored video."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mypy_boto3_kinesis_video_archived_media import KinesisVideoArchivedMediaClient
    from mypy_boto3_kinesisvideo import KinesisVideoClient

ArchiveApi = Literal["GET_MEDIA_FOR_FRAGMENT_LIST", "LIST_FRAGMENTS"]


class Archives:
    """Clients of Kinesis Video's archive, each for the endpoint that a stream is behind.

    May be asked by several threads at once.
    """

    def __init__(
        self,
        control: "KinesisVideoClient",
        archive_at: Callable[[str], "KinesisVideoArchivedMediaClient"],
    ) -> None:
        """Ask through these clients.

        Args:
            control: Names the endpoint of each stream.
            archive_at: Builds a client for an endpoint's address.
        """
        self._control = control
        self._archive_at = archive_at
        # GetDataEndpoint allows 5 calls a second and stream: ask once per sandbox and stream.
        self._archives: dict[tuple[str, ArchiveApi], KinesisVideoArchivedMediaClient] = {}
        self._clients: dict[str, KinesisVideoArchivedMediaClient] = {}
        # boto3's default session builds one client at a time.
        self._building = threading.Lock()

    def client(self, stream_name: str, api: ArchiveApi) -> "KinesisVideoArchivedMediaClient":
        """Return whom to ask this of this stream.

        Raises:
            ClientError: If Kinesis Video refuses to name its endpoint.
            BotoCoreError: If it cannot be asked.
        """
        known = self._archives.get((stream_name, api))
        if known is not None:
            return known
        answer = self._control.get_data_endpoint(StreamName=stream_name, APIName=api)
        client = self._client_at(answer["DataEndpoint"])
        self._archives[stream_name, api] = client
        return client

    def forget(self, stream_name: str, api: ArchiveApi) -> None:
        """Ask anew next time: the endpoint may have moved."""
        self._archives.pop((stream_name, api), None)

    def _client_at(self, address: str) -> "KinesisVideoArchivedMediaClient":
        with self._building:
            # Streams share endpoints, and a client is expensive to build.
            if address not in self._clients:
                self._clients[address] = self._archive_at(address)
            return self._clients[address]
