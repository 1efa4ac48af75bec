"""The report of an execution: one file of HTML that tells where its time and money went.

Each view is a pure function of task records (`steps`, `timeline`, `balance`, `memory`). `gather` reads what
they need from the cloud, `model` puts them together; `charts`, `timeline_charts`, `sentences` and `page` make
HTML of it, and `command` writes the file.
"""
