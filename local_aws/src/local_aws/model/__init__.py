"""The offline model: an OpenAI-compatible server without a model in it, deterministic and labelled as such.

It makes the laptop usable and testable without the internet: it plans tool calls from the last question and writes
answers out of the tool results. It understands nothing; use a real server where the quality of answers matters.
"""
