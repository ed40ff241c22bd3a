"""Test support: stand-ins for the network (a scripted model, a Hub, an identity provider), a test server, and its clients."""
