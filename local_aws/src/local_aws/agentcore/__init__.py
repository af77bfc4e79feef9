"""What the stand-ins for AgentCore's Runtime and Gateway have in common: authorizer, role session, errors, serving.

Both have the same authorizer on AWS, with the same configuration block, so there is one here.
"""
