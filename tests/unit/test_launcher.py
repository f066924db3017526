import pytest

from local.launcher import EmbeddedAws, EmbeddedAwsError, aws_environment


def test_an_environment_points_every_tool_at_the_endpoint_and_at_no_profile() -> None:
    environment = aws_environment("http://127.0.0.1:4566")

    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"]
    assert environment["CDK_DEFAULT_ACCOUNT"].isdigit()
    assert environment["AWS_CONFIG_FILE"] == "/dev/null"
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"


def test_a_launcher_that_was_not_started_says_what_to_call() -> None:
    with pytest.raises(EmbeddedAwsError, match=r"Call start\(\) first"):
        _ = EmbeddedAws().log_path


def test_stopping_what_was_not_started_is_harmless() -> None:
    EmbeddedAws().stop()
