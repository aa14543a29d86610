"""The AMI library: Asterisk's manager interface for asyncio. It knows nothing of Django or of the panel.

`protocol` turns bytes into messages and actions into bytes, `client` holds a session and keeps a link up,
`transports` opens the socket, `over_http` does without one, `actions` builds the actions that the panel uses.
"""
