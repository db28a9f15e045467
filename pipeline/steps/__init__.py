"""Read → stage → write, one function per artefact, each returning a report; shared by assets, command line and service.

`project.py` holds what every step needs, `run.py` the steps in their order.
"""
