"""Keeps the parts of the laptop AWS running together: started, watched, stopped, none left behind.

It knows processes, ports, logs and state files. What the parts are provisioned with is not its business.
"""
