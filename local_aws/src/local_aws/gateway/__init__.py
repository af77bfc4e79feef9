"""Stand-in for AgentCore Gateway: an MCP endpoint whose rules are those that Terraform recorded.

    python -m local_aws.gateway --config FILE --port N

A request passes, in AgentCore's order: JWT authorizer, rate limits, REQUEST interceptor, Cedar, target. What it does
not have: RESPONSE interceptors, semantic tool search, response streaming, prompts and resources, targets other than
Lambda functions and the web-search connector, SigV4 callers. State that asks for one of these is refused.
"""
