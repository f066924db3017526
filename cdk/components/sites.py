"""Where site documents are kept."""

from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket
from constructs import Construct

from cdk.components.private_bucket import PrivateBucket
from cdk.config import Stage


class Sites(Construct):
    """Every version of every site document that was ever applied."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, key: IKey, access_logs: IBucket
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = PrivateBucket(
            self, "Documents", stage=stage, key=key, access_logs=access_logs, versioned=True
        )
