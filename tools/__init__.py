"""The command line behind `python -m helpers`: data, train, draw, scores, grade."""
