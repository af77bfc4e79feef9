"""One program per operation, each run from the repository as `python -m scripts.<name>`; `make help` lists them."""
