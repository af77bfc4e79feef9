"""Stand-in for AgentCore Runtime: an authorizer, and one process of the published agent for each session.

    python -m local_aws.runtime --config FILE --port N

What it does not have: a network of its own for each session (processes share the loopback interface and the file
system, with the rights of whoever started the stand-in), WebSockets, SigV4 callers.

Each version that Terraform recorded stays as it was, and each endpoint serves one of them; see `sessions` for what
happens to sessions when an endpoint moves.
"""
