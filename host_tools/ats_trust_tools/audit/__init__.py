"""`ats-trust audit`: what in a project, or on a board, will hurt a connection to AWS IoT Core."""
