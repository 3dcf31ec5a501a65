"""The host side of ats_trust: choose, trim, ship and explain trust anchors for AWS IoT Core."""
