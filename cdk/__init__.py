"""The CDK app: a typed stage, stacks that compose, one construct per capability."""
