"""What the laptop AWS promises, checked over HTTP like any client would."""
