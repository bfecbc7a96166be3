"""The chassis: what every process needs and no process wants to think about.

A closed list of files, each named by its one job. Knows no campaign: nothing here imports a service.
"""
