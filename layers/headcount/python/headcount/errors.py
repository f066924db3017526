"""Every error that Headcount raises on purpose.

    HeadcountError
    ├── SettingsError            an environment variable is missing or wrong
    ├── SiteError                a site document contradicts itself or cannot be read
    ├── MediaError               bytes are not the Matroska we were promised
    │   └── CorruptFragmentError
    ├── SourceError              a camera's file or URL cannot be opened or read
    ├── StreamError              Kinesis Video refused or dropped a stream
    │   ├── PutMediaError
    │   └── FragmentNotFoundError
    ├── ModelError               weights, packages or the endpoint's answer are not as agreed
    ├── PublishError             EventBridge did not take every event
    ├── PoisonRecordError        a queue record that no retry can help
    │   └── RetiredError         it is about a camera or room that no site has any more
    ├── ConflictError            somebody else changed the item first
    ├── DeploymentError          the deployed stack is absent or incomplete
    ├── AssetError               what is to be deployed cannot be built (cdk.assets)
    └── EmbeddedAwsError         the embedded AWS did not start, or ended (local.launcher)

The first line of a message says what is wrong and where; the rest says what to do next.
"""


class HeadcountError(Exception):
    """The root: catch it to print a message instead of a traceback."""


class SettingsError(HeadcountError):
    """An environment variable is missing or cannot be read as its type."""


class SiteError(HeadcountError):
    """A site document contradicts itself or cannot be read."""


class MediaError(HeadcountError):
    """Bytes are not the Matroska that was promised."""


class CorruptFragmentError(MediaError):
    """A fragment cannot be parsed or its key frame cannot be decoded."""


class SourceError(HeadcountError):
    """A camera's file or URL cannot be opened or read as video."""


class StreamError(HeadcountError):
    """Kinesis Video refused or dropped a stream."""


class PutMediaError(StreamError):
    """PutMedia answered with an error acknowledgement or closed early."""


class FragmentNotFoundError(StreamError):
    """A fragment is not (or no longer) stored."""


class ModelError(HeadcountError):
    """Weights, a model package or the endpoint's answer are not as agreed."""


class PublishError(HeadcountError):
    """EventBridge did not take every event."""


class PoisonRecordError(HeadcountError):
    """A record that no retry can help: it belongs in the dead letters, with this reason."""


class RetiredError(PoisonRecordError):
    """A record about a camera or room that no site has, or no longer: nobody waits for it."""


class ConflictError(HeadcountError):
    """An item was changed by somebody else more often than we retry."""


class DeploymentError(HeadcountError):
    """The deployed stack is absent, incomplete or of another version."""
