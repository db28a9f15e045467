"""The two demo libraries: bollards, which are drawn here, and stamps, from a Debian package.

What belongs here: making the libraries, and the demo run. Not here: anything that the product needs.
"""
