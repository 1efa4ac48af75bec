"""Workers as the MARLA of KMU has them, in our own writing: whole objects, dicts, JSON, two by two.

They are what this project began from, and so what it is compared with. They are written as their
documentation describes them, and as plainly.
"""
