"""Stand-in for AgentCore Runtime: an authorizer, and one process of the published agent for each session.

    python -m local_aws.runtime --config FILE --port N

What it does not have: a network of its own for each session (processes share the loopback interface and the file
system, with the rights of whoever started the stand-in), several versions at a time, WebSockets, SigV4 callers.
"""
