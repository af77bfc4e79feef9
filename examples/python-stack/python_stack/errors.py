"""What is wrong with what a person wrote."""


class StackError(ValueError):
    """An input is refused. The message names the file and the field, the rule and what was found, a problem a line."""
