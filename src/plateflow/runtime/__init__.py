"""Carrying it: endpoints, server, runners, client, follower. Reads no more of an update than its ids."""
