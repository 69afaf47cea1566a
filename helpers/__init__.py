"""The code that the notebooks of the variational autoencoder course share; each idea is first built in a notebook."""

__version__ = "0.1.0"
