"""The laptop's AWS: `ministack` with the behaviour that tenant isolation relies on made faithful.

`python -m local_aws.emulator --port N --model-url URL` starts it. Each module holds one concern and has an
`install()` that replaces functions of the emulator, which offers no hooks; `extensions.py` lists them all.
"""
