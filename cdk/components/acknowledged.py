"""cdk-nag findings we live with: on the resource, one by one, with the reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reason: str, *findings: str) -> None:
    """Accept `findings` of the AwsSolutions pack on one construct.

    Args:
        construct: The resource, or the role or policy whose statements are meant.
        reason: Why the finding does not matter here.
        findings: Without the pack's name, e.g. `IAM5[Resource::*]`.
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=f"AwsSolutions-{finding}", reason=reason) for finding in findings)
    )
