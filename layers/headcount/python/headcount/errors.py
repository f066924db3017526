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
    │   ├── ManifestError       a manifest, or a frame in it, cannot be used
    │   ├── TrainingError       a training job cannot go on
    │   └── MonitorError        captures or a baseline cannot be compared
    ├── DeadLetterError         a dead-letter queue did not take a record
    ├── KeepingError            S3 did not take a frame that was to be kept
    ├── PublishError             EventBridge did not take every event
    ├── PoisonRecordError        a queue record that no retry can help
    │   └── RetiredError         it is about a camera or room that no site has any more
    ├── UnreadableItemError     what is stored is of another version
    ├── UndecidedError          not every room could be decided
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


class ManifestError(ModelError):
    """A manifest, or a frame in it, cannot be used; names the line or the frame."""


class TrainingError(ModelError):
    """A training job cannot start or go on."""


class MonitorError(ModelError):
    """Captures cannot be read, or cannot be compared with their baseline."""


class DeadLetterError(HeadcountError):
    """A dead-letter queue did not take a record: the record comes back instead."""


class KeepingError(HeadcountError):
    """S3 did not take a frame that was to be kept: its count is told all the same."""


class PublishError(HeadcountError):
    """EventBridge did not take every event."""


class PoisonRecordError(HeadcountError):
    """A record that no retry can help: it belongs in the dead letters, with this reason."""


class RetiredError(PoisonRecordError):
    """A record about a camera or room that no site has, or no longer: nobody waits for it."""


class UnreadableItemError(HeadcountError):
    """What is stored is of another version of Headcount: a deploy or a site's apply mends it."""


class UndecidedError(HeadcountError):
    """Time has passed, and not every room could be decided: the tick comes back."""


class ConflictError(HeadcountError):
    """An item was changed by somebody else more often than we retry."""


class DeploymentError(HeadcountError):
    """The deployed stack is absent, incomplete or of another version."""
